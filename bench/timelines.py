"""Timelines of 2,000 accounts from a sandbox without limits, against saving the same pages alone;
and, on a simulated clock, how much waiting a run adds to what the windows force."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import text

from bench.installation import KINDS, installation
from bench.table import Row, show
from sfm import clock as clock_module
from sfm.accounts.clients import collecting_client, default_client
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import TwitterUser
from sfm.runs import journal
from sfm.sandbox.server import Sandbox
from sfm.timelines import run as timelines
from sfm.tweets import bulk, store
from sfm.twitter import endpoints
from sfm.twitter.pages import split_page

ACCOUNTS = 2_000
DAYS = 20  # about a page full each
SERVER = """
import sys
from sfm.sandbox.server import Sandbox, serve
serve(Sandbox(accounts=int(sys.argv[1])), lambda line: print(line, flush=True))
"""


def speak_to(app: Flask, url: str, token: str) -> None:
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(
        settings, twitter_api_root=url, twitter_bearer_token=token
    )


def people(count: int) -> list[tuple[int, str]]:
    """Uids and names of the accounts that a sandbox of this size has and shows."""
    world = Sandbox(accounts=count).world
    return [(one.uid, one.username) for one in world.people if one.state == "active"]


def days_ago() -> int:
    """The lowest id a tweet of some days ago could have: part of a page is new since then."""
    moment = datetime.now(UTC) - timedelta(days=DAYS)
    return (int(moment.timestamp() * 1000) - clock_module.SNOWFLAKE_EPOCH_MS) << 22


def track(accounts: list[tuple[int, str]], held_to_id: int | None = None) -> dict[int, int]:
    begin_write()
    bulk.empty_index(db.session.connection())
    for table in ("twitter_user_item", "day_count", "day_total", "run", "twitter_user"):
        db.session.execute(text(f"DELETE FROM {table}"))
    users = [TwitterUser(uid=uid, name=name, held_to_id=held_to_id) for uid, name in accounts]
    db.session.add_all(users)
    db.session.commit()
    return {user.uid or 0: user.id for user in users}


@dataclass(frozen=True)
class Done:
    """What one way of working took: seconds on the clock and of our own CPU, and its fruits."""

    wall: float
    cpu: float
    tweets: int
    calls: int = 0


def collect_all() -> Done:
    """One run over everything."""
    run = journal.start("user_timeline")
    wall, cpu = time.perf_counter(), time.process_time()
    with journal.carried_out(run) as result:
        result.update(timelines.carry_out(run, collecting_client))
    return Done(
        time.perf_counter() - wall,
        time.process_time() - cpu,
        int(result["new"]),
        run.progress.api_calls,
    )


def first_pages(accounts: list[tuple[int, str]], since_id: int) -> list[tuple[int, bytes]]:
    """One page of each account, as it came, for the floor."""
    client = default_client()
    bodies = []
    for uid, _name in accounts:
        path = f"/2/users/{uid}/tweets"
        params = {"max_results": 100, "since_id": since_id, **client._fields}
        body = client.transport.ask(endpoints.TIMELINE, params, path=path)
        bodies.append((uid, body))
    return bodies


def save_all(bodies: list[tuple[int, bytes]], owners: dict[int, int]) -> Done:
    """The floor: the same pages parsed and saved, one transaction each, and nothing else."""
    wall, cpu, new = time.perf_counter(), time.process_time(), 0
    for uid, body in bodies:
        records = split_page(body).records
        begin_write()
        saved = store.save_page(records, captured_by="timeline", run_id=None, owner=owners[uid])
        db.session.commit()
        new += saved.new
    return Done(time.perf_counter() - wall, time.process_time() - cpu, new)


def measure(kind: str) -> list[Row]:
    accounts = people(ACCOUNTS)
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(ACCOUNTS)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = server.stdout.readline().split()[-1]
        try:
            return _measure(kind, accounts, url)
        finally:
            server.terminate()


def _measure(kind: str, accounts: list[tuple[int, str]], url: str) -> list[Row]:
    since_id = days_ago()
    with installation(kind) as (app, _there):
        speak_to(app, url, "sandbox-bearer")
        track(accounts, since_id)
        first, again = collect_all(), collect_all()
        bodies = first_pages(accounts, since_id)
    with installation(kind) as (app, _there):
        speak_to(app, url, "sandbox-bearer")
        floor = save_all(bodies, track(accounts))
    ours, least = first.tweets / first.cpu, floor.tweets / floor.cpu
    return [
        Row(
            f"{kind}: tweets per second of our CPU", f"{ours:,.0f}", f"{least:,.0f} parse and save",
            ours / least, ">= 0.8",
        ),
        Row(
            f"{kind}: the same on the clock", f"{first.tweets / first.wall:,.0f}",
            f"{floor.tweets / floor.wall:,.0f}",
            first.tweets / first.wall / (floor.tweets / floor.wall),
        ),
        Row(
            f"{kind}: {first.tweets:,} tweets of {len(accounts):,} accounts", f"{first.wall:.0f} s",
            f"{first.calls:,} calls",
        ),
        Row(
            f"{kind}: calls an account, nothing new", f"{again.calls:,}", f"{len(accounts):,}",
            again.calls / len(accounts), "<= 1.01",
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
                track([(one.uid, one.username) for one in sandbox.world.people[2:count]])
                collect_all()
                good = sum(one.status == 200 for one in sandbox.served)
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
    logging.getLogger("sfm").setLevel(logging.CRITICAL)
    rows = waste()
    for kind in KINDS:
        rows += measure(kind)
    show("Timelines", rows)


if __name__ == "__main__":
    main()
