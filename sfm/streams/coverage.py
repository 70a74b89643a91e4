"""Spans of which the posts of a stream are saved: kept by a collector, written with its heartbeats.

A span begins when the process is connected, the rules of the stream are at the network and its
files are being written, and ends with the first of these that ends. It is proved up to the last
byte received, or up to before the oldest post that is not on the disk yet. It is measured on the
monotonic clock: where somebody sets the clock, it ends, and another begins by the new time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sfm import clock
from sfm.database import db
from sfm.messages import Message
from sfm.models import CoverageSaved, TwitterFilter
from sfm.streams import file_names

CLOCK_STEP = timedelta(seconds=1)  # more than this between two heartbeats is no adjusting
CLOCK_SET = "clock_set"
CLOCK_SET_DETAIL = Message("The clock of the machine was set.")

Cause = tuple[str, str]  # a word, and a sentence for people


@dataclass(frozen=True)
class Carrier:
    """The process that saves: what each of its spans says of it."""

    program: str
    host: str = ""
    pid: int = 0
    fingerprint: str = ""
    credential: str = ""


@dataclass
class SavedSpan:
    """One span. `began`, `saved` and `end` are seconds on the monotonic clock; `zero` is the time
    of day at its zero; `end` is None while posts come."""

    prefix: str
    began: float
    zero: datetime
    saved: float
    began_at: datetime
    saved_until: datetime
    end: float | None = None
    ended_at: datetime | None = None
    cause: str = ""
    detail: str = ""
    posts_a_minute: float = 0.0
    last_id: int | None = None
    row_id: int | None = None  # once written

    @property
    def is_whole(self) -> bool:
        """Whether it has ended and all its posts are saved."""
        return self.end is not None and self.saved >= self.end

    def close(self, end: float, why: Cause) -> None:
        """End it at this moment; what came before may still have to be saved."""
        self.end = max(end, self.saved)
        self.ended_at = max(clock.now(), self.began_at)
        self.cause, self.detail = why

    def advance(self, moment: float) -> bool:
        """All received before this moment is saved. Whether that is later than before."""
        saved = moment if self.end is None else min(moment, self.end)
        if saved <= self.saved:
            return False
        self.saved = saved
        self.saved_until = max(self.saved_until, self.zero + timedelta(seconds=saved))
        return True


class SavedSpans:
    """The spans of one process that are not over yet. Any thread may call any method.

    Moments are seconds on the monotonic clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_connected = False
        self._with_rules: frozenset[str] = frozenset()
        self._written: frozenset[str] = frozenset()
        self._open: dict[str, SavedSpan] = {}
        self._ended: list[SavedSpan] = []  # not written whole yet, oldest first

    def connected(self) -> None:
        """There is a connection: streams with rules and files are saved from now on."""
        with self._lock:
            self._is_connected = True
            self._follow({}, ("", ""), clock.monotonic())

    def disconnected(self, moment: float, why: Cause) -> None:
        """The last byte of the connection came at this moment; nothing where there was none."""
        with self._lock:
            self._is_connected = False
            self._follow({}, why, moment)

    def set_rules(self, prefixes: Iterable[str], why: Cause = ("", "")) -> None:
        """These streams have all their rules at the network; `why` not the others any more."""
        with self._lock:
            self._with_rules = frozenset(prefixes)
            self._follow({}, why, clock.monotonic())

    def remove_rules(self, prefix: str, why: Cause) -> None:
        """The rules of one stream are others from now on, until they are seen at the network."""
        with self._lock:
            self._with_rules -= {prefix}
            self._follow({}, why, clock.monotonic())

    def set_written(
        self, prefixes: Iterable[str], causes: Mapping[str, Cause] | None = None
    ) -> None:
        """These streams are written into files; why each of the others is not any more."""
        with self._lock:
            self._written = frozenset(prefixes)
            self._follow(causes or {}, ("not_due", ""), clock.monotonic())

    def _follow(self, causes: Mapping[str, Cause], why: Cause, moment: float) -> None:
        covered = self._with_rules & self._written if self._is_connected else frozenset()
        for prefix in sorted(self._open.keys() - covered):
            span = self._open.pop(prefix)
            span.close(moment, causes.get(prefix, why))
            self._ended.append(span)
        for prefix in sorted(covered - self._open.keys()):
            self._open[prefix] = _begun(prefix)

    def advance(
        self, alive: float | None, oldest_unsaved: Callable[[str], float | None],
        pace: Callable[[str], float], last_id: int | None, trouble: Cause = ("", ""),
    ) -> list[SavedSpan]:  # fmt: skip
        """Move each span as far as is proved; all that are to be written.

        `alive` is when the last byte came, read before the oldest unsaved post is asked for.
        `pace` is posts a minute of a stream; `trouble` is why nothing can be saved at the moment.
        """
        with self._lock:
            self._end_where_the_clock_was_set()
            for span in self._ended:
                oldest = oldest_unsaved(span.prefix)
                span.advance(span.end or 0.0 if oldest is None else oldest)
                span.posts_a_minute = span.posts_a_minute or pace(span.prefix)
                if not self._is_connected:  # then nothing newer has come
                    span.last_id = last_id
            for span in self._open.values():
                oldest = oldest_unsaved(span.prefix)
                limits = [moment for moment in (alive, oldest) if moment is not None]
                if alive is not None and span.advance(min(limits)):
                    span.posts_a_minute, span.last_id = pace(span.prefix), last_id
                span.cause, span.detail = trouble
            return [*self._ended, *self._open.values()]

    def written(self) -> None:
        """What `advance` gave last is in the database: forget what is over."""
        with self._lock:
            self._ended = [span for span in self._ended if not span.is_whole or not span.row_id]

    def _end_where_the_clock_was_set(self) -> None:
        """With what was proved by the time of before: when in the seconds since it was set, nobody
        knows."""
        now = clock.monotonic()
        zero = clock.now() - timedelta(seconds=now)
        for prefix, span in list(self._open.items()):
            if abs(zero - span.zero) <= CLOCK_STEP:
                span.zero = zero  # a clock that is adjusted slowly is followed
                continue
            span.close(span.saved, (CLOCK_SET, CLOCK_SET_DETAIL))
            self._ended.append(span)
            self._open[prefix] = _begun(prefix)


def _begun(prefix: str) -> SavedSpan:
    moment, now = clock.monotonic(), clock.now()
    zero = now - timedelta(seconds=moment)
    return SavedSpan(prefix, moment, zero, moment, now, now)


def write_spans(spans: Iterable[SavedSpan], carrier: Carrier) -> list[tuple[SavedSpan, int]]:
    """Bring the rows of these spans up to date; the numbers that they have after the commit.

    Flushes. Neither end of a row is ever set back.
    """
    numbers = []
    for span in spans:
        row = db.session.get(CoverageSaved, span.row_id) if span.row_id else None
        if row is None:
            row = _new_row(span, carrier)
            db.session.add(row)
        row.saved_until = max(row.saved_until, span.saved_until)
        row.posts_a_minute, row.last_id = span.posts_a_minute, span.last_id
        row.ended_at = row.ended_at or span.ended_at
        row.cause, row.detail = span.cause[:30], span.detail
        db.session.flush()
        numbers.append((span, row.id))
    return numbers


def _new_row(span: SavedSpan, carrier: Carrier) -> CoverageSaved:
    number = file_names.filter_of(span.prefix)
    there = number and db.session.get(TwitterFilter, number)
    return CoverageSaved(
        filter_id=number if there else None, prefix=span.prefix, program=carrier.program,
        host=carrier.host, pid=carrier.pid, fingerprint=carrier.fingerprint,
        credential=carrier.credential, began_at=span.began_at, saved_until=span.began_at,
    )  # fmt: skip
