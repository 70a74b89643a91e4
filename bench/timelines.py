"""Timelines of 2,000 accounts from a sandbox without limits, against saving the same posts alone;
and, on a simulated clock, how much waiting a run adds to what the windows force.

The sandbox is a process of its own. It makes a page more slowly than a page is stored: so it makes
all of them beforehand, in a run that is not measured, and only hands them out in the one that is.
"""

from __future__ import annotations

import argparse
import gc
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import text

from bench.installation import KINDS, installation
from bench.table import Row, show
from sfm import clock as clock_module
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import TwitterUser
from sfm.networks.errors import Wait
from sfm.networks.page import PostRecord
from sfm.posts import bulk_sql, store
from sfm.runs import queue
from sfm.sandbox.server import Sandbox
from sfm.timelines import run as timelines
from sfm.twitter.client import Client
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.tweet import parse_line
from sfm.users.clients import collecting_client

ACCOUNTS = 2_000
PART = 250  # accounts measured in all ways before the next ones
DAYS = 20  # about a page full each


def speak_to(app: Flask, url: str, token: str) -> None:
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(
        settings, twitter_api_root=url, twitter_bearer_token=token
    )


def people(count: int) -> list[tuple[int, str]]:
    """Uids and names of the accounts that a sandbox of this size has and shows."""
    world = Sandbox(accounts=count).world
    return [(person.uid, person.username) for person in world.people if person.state == "active"]


def days_ago() -> int:
    """The lowest id a post of some days ago could have: part of a page is new since then."""
    moment = datetime.now(UTC) - timedelta(days=DAYS)
    return (int(moment.timestamp() * 1000) - clock_module.SNOWFLAKE_EPOCH_MS) << 22


def track(accounts: list[tuple[int, str]], held_to_id: int | None = None) -> dict[int, int]:
    begin_write()
    bulk_sql.empty_index(db.session.connection())
    for table in ("twitter_user_item", "day_count", "day_total", "run", "twitter_user"):
        db.session.execute(text(f"DELETE FROM {table}"))
    users = [TwitterUser(uid=uid, name=name, held_to_id=held_to_id) for uid, name in accounts]
    db.session.add_all(users)
    db.session.commit()
    return {user.uid or 0: user.id for user in users}


@dataclass(frozen=True)
class Done:
    """What one way of working took, and its fruits. Seconds on the clock, and of our own CPU."""

    wall: float = 0.0
    cpu: float = 0.0
    tweets: int = 0
    calls: int = 0

    def __add__(self, other: Done) -> Done:
        mine, more = vars(self).values(), vars(other).values()
        return Done(*(figure + another for figure, another in zip(mine, more, strict=True)))


@contextmanager
def timed() -> Iterator[list[Done]]:
    """Puts what the block took into the list that it gives."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    took: list[Done] = []
    yield took
    took.append(Done(time.perf_counter() - wall, time.process_time() - cpu))


@dataclass
class Answers:
    """Every page of a run as it came, with its account's uid."""

    pages: list[tuple[int, bytes]] = field(default_factory=list)

    def client(self, pause: Callable[[Wait], None]) -> Client:
        """The client of a run, whose answers are kept."""
        client = collecting_client(pause)
        ask = client.transport.ask

        def kept(
            endpoint: Endpoint, params: Any = None, *, subject: str = "", **more: Any
        ) -> bytes:
            body = ask(endpoint, params, subject=subject, **more)
            self.pages.append((int(subject), body))
            return body

        client.transport.ask = kept  # type: ignore[method-assign]
        return client


def collect_all(make_client: Callable[..., Client]) -> Done:
    """One run over everything."""
    run = queue.start("user_timeline")
    with timed() as took, queue.finish(run) as result:
        result.update(timelines.run_timelines(run, make_client))
    return took[0] + Done(tweets=int(result["new"]), calls=run.progress.api_calls)


def save_answers(pages: list[tuple[int, bytes]], owners: dict[int, int]) -> Done:
    """The same answers, cut, read and saved, a transaction each, and nothing else."""
    new = 0
    with timed() as took:
        for uid, body in pages:
            new += _save(split_page(body).records, owners[uid])
    return took[0] + Done(tweets=new)


def save_lines(pages: list[tuple[int, list[bytes]]], owners: dict[int, int]) -> Done:
    """The same posts as `bench ingest` saves them: from single records, cut beforehand."""
    new = 0
    with timed() as took:
        for uid, lines in pages:
            new += _save([PostRecord(line, parse_line(line)) for line in lines], owners[uid])
    return took[0] + Done(tweets=new)


def _save(records: Sequence[PostRecord], owner: int) -> int:
    begin_write()
    saved = store.save_page(records, captured_by="timeline", run_id=None, owner=owner)
    db.session.commit()
    return saved.new


@dataclass
class Found:
    """The sums of all parts."""

    run: Done = Done()
    again: Done = Done()
    answers: Done = Done()
    lines: Done = Done()
    bytes_each: float = 0.0


def measure(kind: str, accounts: int) -> list[Row]:
    everybody = people(accounts)
    with subprocess.Popen(
        [sys.executable, "-m", "bench.remembering", str(accounts)],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        url = server.stdout.readline().split()[-1]
        try:
            with installation(kind) as (app, _there):
                speak_to(app, url, "sandbox-bearer")
                return rows_of(kind, len(everybody), _in_parts(everybody))
        finally:
            server.terminate()


def _in_parts(everybody: list[tuple[int, str]]) -> Found:
    """A part of the accounts after the other, each in all ways: machines drift."""
    totals, since_id, sizes = Found(), days_ago(), []
    for at in range(0, len(everybody), PART):
        part = everybody[at : at + PART]
        answers = Answers()
        track(part, since_id)
        collect_all(answers.client)
        track(part, since_id)
        totals.run += collect_all(collecting_client)
        totals.again += collect_all(collecting_client)
        totals.answers += save_answers(answers.pages, track(part))
        lines = [
            (uid, [record.raw for record in split_page(body).records])
            for uid, body in answers.pages
        ]
        sizes += [len(line) for _uid, page in lines for line in page]
        totals.lines += save_lines(lines, track(part))
    totals.bytes_each = sum(sizes) / len(sizes)
    return totals


def rows_of(kind: str, accounts: int, totals: Found) -> list[Row]:
    """Goals are for the clock, which `bench ingest` goes by too."""
    run, answers, lines = totals.run, totals.answers, totals.lines
    wall, cpu = run.tweets / run.wall, run.tweets / run.cpu
    cut, read = answers.tweets / answers.wall, lines.tweets / lines.wall
    cut_cpu = answers.tweets / answers.cpu
    pages = f"{run.tweets / run.calls:.0f} a page"
    return [
        Row(
            f"{kind}: tweets per second", f"{wall:,.0f}", f"{cut:,.0f} saving alone",
            wall / cut, ">= 0.8",
        ),
        Row(
            f"{kind}: against records cut before", f"{wall:,.0f}", f"{read:,.0f} as in ingest",
            wall / read,
        ),
        Row(
            f"{kind}: tweets per second of CPU", f"{cpu:,.0f}", f"{cut_cpu:,.0f} saving alone",
            cpu / cut_cpu,
        ),
        Row(
            f"{kind}: {run.tweets:,} tweets of {accounts:,} accounts", f"{run.calls:,} calls",
            f"{pages}, {totals.bytes_each:,.0f} bytes each",
        ),
        Row(
            f"{kind}: calls an account, nothing new", f"{totals.again.calls:,}", f"{accounts:,}",
            totals.again.calls / accounts, "<= 1.01",
        ),
    ]  # fmt: skip


class Simulated(clock_module.SystemClock):
    """Sleeping costs nothing and moves the time; all else takes no time at all."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.elapsed = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.moment += timedelta(seconds=seconds)


def waste() -> list[Row]:
    """One thread, few calls a window: the waits against the windows that the calls need."""
    clock = Simulated()
    before = clock_module.use(clock)
    limit, count = 20, 16
    try:
        with Sandbox(clock=clock, limits=True) as sandbox:
            sandbox.limits.set("users/:id/tweets", limit)
            with installation("sqlite") as (app, _there):
                speak_to(app, sandbox.url, sandbox.bearer_token)
                app.extensions["sfm_settings"] = replace(
                    app.extensions["sfm_settings"], timeline_threads=1
                )
                track([(person.uid, person.username) for person in sandbox.world.people[2:count]])
                collect_all(collecting_client)
                good = sum(request.status == 200 for request in sandbox.served)
    finally:
        clock_module.use(before)
    forced = (-(-good // limit) - 1) * 900
    return [
        Row(
            f"waiting for {good:,} calls at {limit} a window", f"{clock.elapsed:,.0f} s",
            f"{forced:,.0f} s forced", clock.elapsed / forced, "<= 1.05",
        )
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    accounts = parser.parse_args().accounts
    logging.getLogger("sfm").setLevel(logging.CRITICAL)
    rows = waste()
    for kind in KINDS:
        rows += measure(kind, accounts)
    show("Timelines", rows)


if __name__ == "__main__":
    main()
