"""Why a stream was not saved in a time, who or what caused it, and about what that has cost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sfm.filters.coverage_due import (
    CAUSES,
    CREDENTIAL_CHANGED,
    NOT_COLLECTING,
    NOT_CONNECTED,
    RESTARTED,
    STARTED,
    STARTED_NOT_CONNECTED,
)
from sfm.filters.waiting_notes import CONNECTION_HELD
from sfm.messages import Message, join_messages
from sfm.streams.coverage import CLOCK_SET
from sfm.streams.coverage_rows import ASKED_FOR, LOSSES, StreamRows
from sfm.streams.filter_changes import FilterChange, behind_a_gap, changes_of, names_of
from sfm.streams.spans import Span, meets

STOPPED_BEFORE = timedelta(seconds=60)  # so long before a stop nothing may have come
CHANGED, PROCESS_LOST, STORAGE = "changed", "process_lost", "storage"
OF_A_STOP = frozenset({"not_due", RESTARTED, PROCESS_LOST, NOT_COLLECTING})
OF_NO_CONNECTION = frozenset({"", "ended", "not_due"})  # ends of spans that a process had no say in
PROCESS_STOPPED = Message("The stream process was stopped.")


@dataclass(frozen=True)
class CoverageGap:
    """A time of which the posts of a stream are not saved. Times are aware UTC.

    `is_due` is whether it should have collected; if not, `who` kept it from that, else `who`
    restarted its process, or changed the filter. `ended_at` is None while it goes on. `row_id` is
    of the row of `gap` that says the same, if there is one; `fills` are the rows of `gap_fill` that
    meet it.
    """

    prefix: str
    began_at: datetime
    ended_at: datetime | None
    seconds: float
    cause: str
    detail: str
    is_due: bool = True
    who: str = ""
    last_id: int | None = None
    lost_estimate: int = 0  # 0: nobody knows
    lost_counted: int = 0
    row_id: int | None = None
    fills: tuple[Any, ...] = ()
    unrecorded_posts: int | None = None  # from search, before it was kept what was asked


def saved_times(rows: StreamRows, now: datetime) -> list[Span]:
    """What each saved span proves, in the order of the rows.

    Where the clock was set back, times that it had not reached are not proved by the one before.
    """
    times = []
    for place, row in enumerate(rows.saved):
        until = min(row.saved_until, now)
        if row.cause == CLOCK_SET and place + 1 < len(rows.saved):
            until = min(until, rows.saved[place + 1].began_at)
        times.append((row.began_at, max(until, row.began_at)))
    return times


def from_row(row: Any, now: datetime, fills: Iterable[Any] = ()) -> CoverageGap:
    """A gap of the time before there was a ledger, as it was written down then."""
    ended_at = row.ended_at or now
    seconds = row.seconds if row.seconds is not None else (ended_at - row.began_at).total_seconds()
    return CoverageGap(
        row.prefix, row.began_at, row.ended_at, seconds, row.cause, row.detail or row.cause,
        last_id=row.last_id, lost_estimate=row.lost_estimate, lost_counted=row.lost_counted,
        row_id=row.id, fills=tuple(fill for fill in fills if fill.gap_id == row.id),
        unrecorded_posts=row.filled_posts if row.filled and row.searched_from is None else None,
    )  # fmt: skip


class GapExplainer:
    """Explains the gaps of one stream that has a ledger. `now` is when gaps that go on end."""

    def __init__(self, rows: StreamRows, now: datetime) -> None:
        self.rows, self.now = rows, now
        ends = zip(saved_times(rows, now), rows.saved, strict=True)
        self._by_end = sorted(((end, row.id, row) for (_, end), row in ends), key=_order)
        self._by_begin = sorted(((row.began_at, row.id, row) for row in rows.saved), key=_order)
        self._by_id = {note.id: note for note in rows.notes}
        self._by_times = {(note.began_at, note.ended_at): note.id for note in rows.notes}
        self._notes = deque(note for note in rows.notes if note.cause != ASKED_FOR)
        self._open_notes: list[Any] = []  # that have begun, and may explain what comes
        self._changes = changes_of(rows.versions)

    def explain(self, pieces: Iterable[Span], *, goes_on: bool) -> list[CoverageGap]:
        """These times, earliest first, each wholly due or wholly not; the last may go on. To be
        called once."""
        return list(_with_stops([self._gap(*piece, goes_on) for piece in pieces]))

    def _gap(self, began_at: datetime, ended_at: datetime, goes_on: bool) -> CoverageGap:
        seconds = (ended_at - began_at).total_seconds()
        lasts = goes_on and ended_at >= self.now
        notes = self._notes_of(began_at, ended_at)
        due = self._due_at(began_at)
        before = self._saved_before(began_at)
        if due is None:
            cause, detail, who = self._kept_from_it(began_at)
        else:
            cause, detail = self._missed(due, before, notes, (began_at, ended_at), lasts)
            who = self._who(cause, before, (began_at, ended_at))
        rate = before.posts_a_minute if due and before and before.saved_until == began_at else 0.0
        estimate = max(1, round(rate * seconds / 60)) if rate else 0
        return CoverageGap(
            prefix=self.rows.due[0].prefix, began_at=began_at,
            ended_at=None if lasts else ended_at, seconds=seconds, cause=cause,
            detail=_sentences([detail, *(note.detail for note in notes)]),
            is_due=due is not None, who=who, last_id=before.last_id if before else None,
            lost_estimate=max(estimate, sum(note.lost_estimate for note in notes)),
            lost_counted=sum(note.lost_counted for note in notes),
            row_id=self._by_times.get((began_at, ended_at)),
            fills=tuple(fill for fill in self.rows.fills if self._fills(fill, began_at, ended_at)),
        )  # fmt: skip

    def _notes_of(self, began_at: datetime, ended_at: datetime) -> list[Any]:
        """The notes that explain a part of this time; it is later than the last asked for."""
        while self._notes and self._notes[0].began_at < ended_at:
            self._open_notes.append(self._notes.popleft())
        self._open_notes = [n for n in self._open_notes if not self._is_over(n, began_at)]
        return list(self._open_notes)

    def _is_over(self, note: Any, moment: datetime) -> bool:
        """Whether a note ends before this moment. One that its process left open ends where posts
        are saved again."""
        if note.ended_at is not None:
            return bool(note.ended_at <= moment)
        place = bisect_right(self._by_begin, note.began_at, key=_moment)
        return place < len(self._by_begin) and self._by_begin[place][0] <= moment

    def _fills(self, fill: Any, began_at: datetime, ended_at: datetime) -> bool:
        """Whether search was asked for this gap, and not only for the seconds around it."""
        gap = self._by_id.get(fill.gap_id, fill)
        return meets((began_at, ended_at), gap.began_at, gap.ended_at)

    def _due_at(self, moment: datetime) -> Any | None:
        return next(
            (
                row
                for row in self.rows.due
                if row.began_at <= moment and (row.ended_at is None or moment < row.ended_at)
            ),
            None,
        )

    def _saved_before(self, moment: datetime) -> Any | None:
        place = bisect_right(self._by_end, moment, key=_moment)
        return self._by_end[place - 1][2] if place else None

    def _saved_after(self, moment: datetime) -> Any | None:
        place = bisect_left(self._by_begin, moment, key=_moment)
        return self._by_begin[place][2] if place < len(self._by_begin) else None

    def _kept_from_it(self, moment: datetime) -> tuple[str, str, str]:
        ended = [row for row in self.rows.due if row.ended_at and row.ended_at <= moment]
        last = max(ended, key=lambda row: (row.ended_at, row.id))
        return last.end_cause, CAUSES.get(last.end_cause, last.end_cause), last.ended_by

    def _missed(
        self, due: Any, before: Any | None, notes: list[Any], time: Span, lasts: bool
    ) -> tuple[str, str]:
        """Why a time in which it should have collected is not saved: a word and a sentence."""
        lost = next((note for note in notes if note.cause in LOSSES), None)
        if lost is not None:
            return lost.cause, lost.detail
        is_begun = before is not None and before.saved_until < due.began_at == time[0]
        held = next((note for note in notes if note.cause == CONNECTION_HELD), None)
        if held and (before is None or is_begun or before.cause in OF_NO_CONNECTION):
            return held.cause, held.detail
        if before is None or is_begun:
            is_start = due.begin_cause == STARTED
            return NOT_CONNECTED, STARTED_NOT_CONNECTED if is_start else CAUSES[NOT_CONNECTED]
        if before.ended_at is None:
            if lasts and before.cause == STORAGE:
                return STORAGE, before.detail
            cause = NOT_COLLECTING if lasts else PROCESS_LOST
            return cause, CAUSES[cause]
        if before.cause != "ended":
            return before.cause, before.detail
        if self._has_other_credential(before, time):
            return CREDENTIAL_CHANGED, CAUSES[CREDENTIAL_CHANGED]
        if self._restart(before) is not None:
            return RESTARTED, _sentences([CAUSES[RESTARTED], before.detail])
        return RESTARTED, _sentences([PROCESS_STOPPED if lasts else CAUSES["ended"], before.detail])

    def _has_other_credential(self, before: Any, time: Span) -> bool:
        """Whether it was, or is to be, connected anew with another credential."""
        after = self._saved_after(time[1])
        if after and before.fingerprint and after.fingerprint:
            return bool(after.fingerprint != before.fingerprint)
        return bool(self._changes_of_credential(time))

    def _changes_of_credential(self, time: Span) -> list[FilterChange]:
        found = [change for change in self._changes if change.has_other_credential]
        return behind_a_gap(found, *time)

    def _restart(self, before: Any) -> Any | None:
        """The span that began when a person restarted the process that had saved until then."""
        return next(
            (
                row
                for row in reversed(self.rows.due)
                if row.begin_cause == RESTARTED
                and row.began_at <= before.ended_at <= row.began_at + STOPPED_BEFORE
            ),
            None,
        )

    def _who(self, cause: str, before: Any | None, time: Span) -> str:
        """Who caused a gap of a time in which it should have collected, if that was a person."""
        if cause == CHANGED:
            found = [change for change in self._changes if change.has_other_rules]
            return names_of(behind_a_gap(found, *time))
        if cause == CREDENTIAL_CHANGED:
            return names_of(self._changes_of_credential(time))
        restart = self._restart(before) if cause == RESTARTED and before else None
        return restart.begun_by if restart is not None else ""


def _with_stops(gaps: list[CoverageGap]) -> Iterator[CoverageGap]:
    """A stream that is stopped has saved up to its last byte: what is between belongs to that."""
    for place, gap in enumerate(gaps):
        before = gaps[place - 1] if place else None
        after = gaps[place + 1] if place + 1 < len(gaps) else None
        if after and _belongs_to(gap, after):
            continue
        if before and _belongs_to(before, gap):
            seconds = gap.seconds + before.seconds
            yield replace(gap, began_at=before.began_at, seconds=seconds, row_id=None)
        else:
            yield gap


def _belongs_to(gap: CoverageGap, stop: CoverageGap) -> bool:
    return (
        gap.is_due and not stop.is_due and gap.ended_at == stop.began_at
        and gap.cause in OF_A_STOP and gap.seconds <= STOPPED_BEFORE.total_seconds()
    )  # fmt: skip


def _order(entry: tuple[datetime, int, Any]) -> tuple[datetime, int]:
    return entry[:2]


def _moment(entry: tuple[datetime, int, Any]) -> datetime:
    return entry[0]


def _sentences(parts: Iterable[str]) -> str:
    told = list(dict.fromkeys(part for part in parts if part))
    return join_messages(told) if len(told) > 1 else next(iter(told), "")
