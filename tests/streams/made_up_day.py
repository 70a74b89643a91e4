"""A day of troubles for two filters on one connection, and what is true of it.

A collector as supervisord runs it, a sandbox that knows what it has posted, and a clock that can be
set for both the collector and the test.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask

from sfm import clock
from sfm.database import begin_write, db
from sfm.filters import service
from sfm.filters.account_lookup import People
from sfm.filters.drafting import draft_of
from sfm.models import CoverageSaved, TwitterFilter, User
from sfm.sandbox.server import Sandbox
from sfm.streams import completeness
from sfm.streams.gap_causes import CoverageGap
from tests.rounds import LONG
from tests.streams.collecting import Process, environment, make_filter
from tests.streams.conftest import sealed_files, zcat
from tests.waiting import wait_for

SECOND = timedelta(seconds=1)
# A gap is longer than the truth by a second at most; on a busy machine heartbeats and answers are
# late, and that is no fault.
ALLOWED = SECOND if LONG else timedelta(seconds=10)
PROGRAM = "twitterfilter-1"
SECONDS_BETWEEN_POSTS = 0.04
WORDS = {1: ("qflood", "qflood, qdeluge", "qdeluge"), 2: ("qstorm", "qstorm, qgale", "qgale")}
SINGLE_WORDS = ("qflood", "qdeluge", "qstorm", "qgale")


class SetClock(clock.SystemClock):
    """The machine's clock, set ahead or back by so many seconds."""

    offset = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.offset)


@dataclass(frozen=True)
class SentPost:
    """When a post was made, by the clock of then, and the filters that listened for its word."""

    at: datetime
    word: str
    filters: tuple[int, ...]


@dataclass
class Posts:
    """Posts everything that any filter listens for, in turn, until it is stopped."""

    sandbox: Sandbox
    words: dict[int, list[str]]  # of each filter: what it has listened for, the present last
    sent: dict[int, SentPost] = field(default_factory=dict)
    ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._post, daemon=True)
        self._thread.start()

    def _post(self) -> None:
        people = [person for person in self.sandbox.world.people if person.state == "active"][:8]
        for number in itertools.count():
            if self.ending.wait(SECONDS_BETWEEN_POSTS):
                return
            word = SINGLE_WORDS[number % len(SINGLE_WORDS)]
            filters = tuple(key for key, words in self.words.items() if word in words[-1])
            at = clock.now()
            post = self.sandbox.world.add_post(people[number % 8], f"{word} number {number}")
            self.sent[post.id] = SentPost(at, word, filters)

    def stop(self) -> None:
        self.ending.set()
        self._thread.join(30)


class Day:
    """Two filters of one User, their collector, and each trouble as a method.

    A trouble returns when both filters that should be collected are saved again.
    """

    def __init__(self, app: Flask, sandbox: Sandbox, folder: Path, clock_file: Path) -> None:
        self.app, self.sandbox, self.folder = app, sandbox, folder
        self.clock_file, self.set_clock = clock_file, SetClock()
        self.words: dict[int, list[str]] = {}
        self.clock_set: list[datetime] = []  # just before and just after each time
        self.log: list[tuple[datetime, str]] = []
        self.done: Counter[str] = Counter()
        for number, name in ((1, "Floods"), (2, "Storms")):
            made = make_filter(name, WORDS[number][0], sandbox.bearer_token)
            assert made.id == number
            self.words[number] = [WORDS[number][0]]
        self.admin = User(username="admin", is_superuser=True)
        db.session.add(self.admin)
        db.session.commit()
        self.posts = Posts(sandbox, self.words)
        self.start()

    def start(self) -> None:
        """Start the collector, and wait until it saves."""
        env = environment(
            self.app, self.sandbox.url, SUPERVISOR_PROCESS_NAME=PROGRAM,
            SFM_STREAM_SILENCE_SECONDS="4", SFM_SHARE_STREAM_CONNECTIONS="on",
            FAKETIME_TIMESTAMP_FILE=str(self.clock_file), FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            **({"LD_PRELOAD": str(LIBFAKETIME)} if LIBFAKETIME else {}),
        )  # fmt: skip
        self.process = Process(env, "filterstream", 1, 2, "--save")
        self.wait_until_saved()

    def filter(self, number: int) -> TwitterFilter:
        db.session.rollback()
        begin_write()
        return service.by_id(number)

    def due(self) -> list[int]:
        db.session.rollback()
        return [number for number in self.words if _is_due(service.by_id(number))]

    def wait_until_saved(self) -> None:
        """Posts that came after this moment are saved, of each filter that should be collected."""
        since = clock.now() + timedelta(seconds=0.2)
        due = self.due()

        def is_saved() -> bool:
            assert self.process.process.poll() is None, self.process.end()
            db.session.rollback()
            latest = [
                db.session.query(CoverageSaved).filter_by(filter_id=number)
                .order_by(CoverageSaved.id.desc()).first() for number in due
            ]  # fmt: skip
            return all(row and not row.ended_at and row.saved_until > since for row in latest)

        wait_for(is_saved)

    def changed(self) -> None:
        """Tell the collector of a change, as saving on a page does."""
        db.session.commit()
        self.process.signal(signal.SIGHUP)
        self.wait_until_saved()

    # Troubles ------------------------------------------------------------------------------

    def kill(self) -> None:
        self.process.kill()
        time.sleep(0.7)
        self.start()

    def stop(self) -> None:
        self.process.signal(signal.SIGTERM)
        code, _, err = self.process.end()
        assert code == 0, err
        time.sleep(1.5)
        self.start()

    def freeze(self) -> None:
        self.process.signal(signal.SIGSTOP)
        time.sleep(2)
        self.process.signal(signal.SIGCONT)
        self.wait_until_saved()

    def hold_and_release(self) -> None:
        service.hold(self.filter(1), self.admin)
        self.changed()
        time.sleep(2.5)
        service.release(self.filter(1))
        self.changed()

    def deactivate_and_activate(self) -> None:
        service.deactivate(self.filter(2))
        self.changed()
        time.sleep(2.5)
        service.activate(self.filter(2))
        self.changed()

    def edit(self) -> None:
        number = 1 + self.done["edit"] % 2
        fresh = WORDS[number][len(self.words[number]) % len(WORDS[number])]
        twitter_filter = self.filter(number)
        draft = replace(draft_of(twitter_filter), words=fresh)
        service.save(draft, People({}, {}), twitter_filter)
        self.words[number].append(fresh)
        self.changed()

    def lose_the_connection(self) -> None:
        for connection in self.sandbox.streams.active():
            self.sandbox.streams.kill(connection)
        self.wait_until_saved()

    def outage(self) -> None:
        planned = self.sandbox.faults.add("unavailable", path="*/search/stream", times=1)
        for connection in self.sandbox.streams.active():
            self.sandbox.streams.kill(connection)
        wait_for(lambda: planned.fired == 1)
        self.wait_until_saved()

    def delete_rules(self) -> None:
        for name in self.sandbox.rules.counts():
            ids = [rule.id for rule in self.sandbox.rules.of(name)]
            self.sandbox.rules.delete(name, ids, [], dry_run=False)
        wait_for(lambda: any(self.sandbox.rules.counts().values()))
        self.wait_until_saved()

    def fill_the_disk(self) -> None:
        ballast = self.folder / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        time.sleep(3)
        ballast.unlink()
        self.wait_until_saved()

    def set_the_clock(self) -> None:
        self.clock_set.append(clock.now())
        self.set_clock.offset += 1800.0 if self.set_clock.offset <= 0 else -900.0
        self.clock_set.append(clock.now())
        self.clock_file.write_text(f"{self.set_clock.offset:+.0f}")
        self.wait_until_saved()

    # Truth ---------------------------------------------------------------------------------

    def gaps(self, number: int) -> list[CoverageGap]:
        db.session.rollback()
        return list(completeness.of_prefix(f"twitterfilter-{number}").gaps)

    def saved_ids(self, number: int) -> set[int]:
        text = b"".join(
            zcat(path) for path in sealed_files(self.folder) if f"-{number}-" in path.name
        )
        return {int(found) for found in re.findall(rb'^\{"data":\{.*?"id":"(\d+)"', text, re.M)}

    def due_posts(self, number: int) -> dict[int, datetime]:
        """What the filter listened for when it was posted, whether it was active or not."""
        return {
            post_id: post.at for post_id, post in self.posts.sent.items() if number in post.filters
        }

    def due_ids_ever(self, number: int) -> set[int]:
        """Of all posts with a word that the filter has ever listened for."""
        words = ", ".join(self.words[number])
        return {post_id for post_id, post in self.posts.sent.items() if post.word in words}

    def end(self) -> None:
        self.posts.stop()
        time.sleep(1)
        self.process.signal(signal.SIGTERM)
        code, _, err = self.process.end()
        assert code == 0, err
        self.set_clock.offset = 3600.0  # when all that was ever noted has been


def _is_due(twitter_filter: TwitterFilter) -> bool:
    return twitter_filter.is_active and twitter_filter.held_at is None


def missing_without_a_gap(day: Day, number: int) -> list[datetime]:
    """When posts were sent that are neither in the filter's files nor in a gap of it."""
    saved, gaps = day.saved_ids(number), day.gaps(number)
    return [
        sent_at
        for post_id, sent_at in day.due_posts(number).items()
        if post_id not in saved and not any(_holds(gap, sent_at) for gap in gaps)
    ]


def _holds(gap: CoverageGap, moment: datetime) -> bool:
    ended_at = gap.ended_at or clock.now()
    return gap.began_at - SECOND <= moment <= ended_at + SECOND


def gaps_longer_than_the_truth(day: Day, number: int) -> list[tuple[CoverageGap, float, float]]:
    """Gaps that begin or end too far from what is missing: with how many seconds of saved
    posts stand in them before the first missing one, and after the last. Those in which the clock
    was set are left out: times that were jumped over, or come twice, prove nothing."""
    saved, due = day.saved_ids(number), day.due_posts(number)
    wrong = []
    for gap in day.gaps(number):
        began_at, ended_at = gap.began_at, gap.ended_at or clock.now()
        if any(began_at - SECOND <= moment <= ended_at + SECOND for moment in day.clock_set):
            continue
        inside = {key: at for key, at in due.items() if began_at <= at <= ended_at}
        missing = sorted(at for key, at in inside.items() if key not in saved)
        kept = sorted(at for key, at in inside.items() if key in saved)
        first, last = (missing[0], missing[-1]) if missing else (ended_at, began_at)
        before = max((at - began_at for at in kept if at < first), default=timedelta())
        behind = max((ended_at - at for at in kept if at > last), default=timedelta())
        if before > ALLOWED or behind > ALLOWED:
            wrong.append((gap, before.total_seconds(), behind.total_seconds()))
    return wrong


def report(day: Day, number: int) -> str:
    """What happened when, and what the ledger says of it: for whoever reads a failure."""
    lines = [f"{moment:%H:%M:%S.%f} {name}" for moment, name in day.log]
    lines += [
        f"gap {gap.began_at:%H:%M:%S.%f} {gap.ended_at} {gap.cause}" for gap in day.gaps(number)
    ]
    spans = db.session.query(CoverageSaved).filter_by(filter_id=number).order_by(CoverageSaved.id)
    lines += [
        f"saved {row.began_at:%H:%M:%S.%f} {row.saved_until:%H:%M:%S.%f} {row.ended_at} {row.cause}"
        for row in spans
    ]
    lines += [f"missing {moment:%H:%M:%S.%f}" for moment in missing_without_a_gap(day, number)[:40]]
    lines += [
        f"too long {before:.2f} s before, {behind:.2f} s behind: {gap.began_at:%H:%M:%S.%f}"
        for gap, before, behind in gaps_longer_than_the_truth(day, number)
    ]
    return "\n".join(lines)


def find_libfaketime() -> Path | None:
    """Debian's library that gives a process another time of day; None where it is not installed."""
    if shutil.which("faketime") is None:
        return None
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


LIBFAKETIME = find_libfaketime()
Trouble = Callable[[], None]
