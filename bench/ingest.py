"""Saving posts: pages of 200, against the original's way of one SELECT and INSERT per post."""

from __future__ import annotations

import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select, text

from bench.installation import KINDS, add_accounts, installation
from bench.synthetic import World, as_line
from bench.table import Row, show
from sfm.database import begin_write, db
from sfm.models import TwitterUserItem
from sfm.networks.page import PostRecord
from sfm.posts import bulk_sql, store
from sfm.twitter.parse.tweet import parse_line

PAGES, PAGE = 25, 200
SECONDS_APART = 900.0  # so that each account posts four times a day
ORIGINALS = 1_000  # posts measured the original's way
ROUNDS = 8
IMPORTED = 200_000
REQUIRED_SINCE = {
    "month": 0,
    "kind": "post",
    "captured_by": "timeline",
    "is_retweet": False,
    "is_retweet_strict": False,
    "has_link": False,
    "has_media": False,
}
GOALS = {"sqlite": ">= 12", "postgresql": ">= 15"}


def timelines(world: World) -> list[bytes]:
    """A page of each account's timeline, newest first, one behind the other."""
    of_account: dict[int, list[bytes]] = {}
    drawn = list(world.v1(PAGES * PAGE * 2))
    for tweet in reversed(drawn):
        of_account.setdefault(tweet["user"]["id"], []).append(as_line(tweet))
    return [line for lines in of_account.values() for line in lines[:PAGE]]


def pages(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(0, len(lines), PAGE):
        yield lines[at : at + PAGE]


def records(lines: list[bytes]) -> list[PostRecord]:
    return [PostRecord(line, parse_line(line)) for line in lines]


def ours(lines: list[bytes], owners: dict[int, int]) -> None:
    """As timelines are saved: each page with counts and search words, committed."""
    for page in pages(lines):
        begin_write()
        store.save_page(records(page), captured_by="timeline", run_id=1, owner=owners)
        db.session.commit()


def bare(lines: list[bytes], owners: dict[int, int]) -> None:
    """The same without counts and search words."""
    for page in pages(lines):
        begin_write()
        connection = db.session.connection()
        ready = store.prepare(connection, records(page), "timeline", 1, owners).ready
        bulk_sql.lock_writers(connection)
        known_ids = bulk_sql.existing_ids(connection, ready)
        fresh = [prepared for number, prepared in ready.items() if number not in known_ids]
        assert len(fresh) == len(page)
        with connection.begin_nested():
            bulk_sql.insert(
                connection, "twitter_user_item", store.COLUMNS, [prepared.row for prepared in fresh]
            )
        db.session.commit()


def original(lines: list[bytes], owners: dict[int, int]) -> None:
    """The first Social Feed Manager: parse, get_or_create on all its fields, commit, one by one."""
    for line in lines:
        status = json.loads(line)
        fields = {
            "twitter_user_id": owners[status["user"]["id"]],
            "twitter_id": status["id"],
            "date_published": datetime.strptime(
                status["created_at"], "%a %b %d %H:%M:%S +0000 %Y"
            ).replace(tzinfo=UTC),
            "item_text": status["full_text"],
            "item_json": json.dumps(status),
            "place": str(status["place"] or ""),
            "source": status["source"],
        }
        known = select(TwitterUserItem).filter_by(**fields)
        if db.session.scalar(known) is None:
            db.session.add(TwitterUserItem(**fields, **REQUIRED_SINCE))
            db.session.commit()


class Rate(NamedTuple):
    """Posts a second: of the clock, for a disk and a server take part; and of our own CPU."""

    clock: float
    cpu: float


def rate(
    work: Callable[[list[bytes], dict[int, int]], None], lines: list[bytes], owners: dict[int, int]
) -> Rate:
    """How fast these posts come into empty tables."""
    empty()
    gc.collect()
    clock, cpu = time.perf_counter(), time.process_time()
    work(lines, owners)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    return Rate(len(lines) / clock, len(lines) / cpu)


def empty() -> None:
    """Take away what was saved, and what the databases would still have to do about that."""
    begin_write()
    bulk_sql.empty_index(db.session.connection())
    for table in ("twitter_user_item", "day_count", "day_total"):
        db.session.execute(text(f"DELETE FROM {table}"))
    db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("VACUUM twitter_user_item"))
            connection.execute(text("CHECKPOINT"))
        else:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def measure(kind: str) -> list[Row]:
    world = World(accounts=PAGES, seconds_apart=SECONDS_APART)
    lines = timelines(world)
    with installation(kind):
        owners = add_accounts(world.people)
        rounds = []
        for number in range(ROUNDS):
            old = rate(original, lines[:ORIGINALS], owners)
            ways = (ours, bare) if number % 2 else (bare, ours)  # who comes first finds it colder
            rates = {way: rate(way, lines, owners) for way in ways}
            rounds.append((rates[ours], rates[bare], old))
    rows = compared(kind, [[measured.clock for measured in each] for each in rounds])
    if kind == "sqlite":  # where all of the work is ours
        rows += compared("sqlite, CPU", [[measured.cpu for measured in each] for each in rounds])
    return rows


def compared(name: str, rounds: list[list[float]]) -> list[Row]:
    """Medians of all rounds, ours and without counts, against the original's way."""
    whole, rows, old = (statistics.median(column) for column in zip(*rounds, strict=True))
    peer, goal = f"original {old:,.0f}/s", GOALS[name.partition(",")[0]]
    return [
        Row(f"{name}: rows alone", f"{rows:,.0f}/s", peer, rows / old, goal),
        Row(f"{name}: with counts and search", f"{whole:,.0f}/s", peer, whole / old),
        Row(f"{name}: of that speed is left", "", f"alone {rows:,.0f}/s", whole / rows, ">= 0.75"),
    ]


IMPORT = """
import re, sys
from sfm.factory import app_from_env
app = app_from_env()
done = app.test_cli_runner().invoke(args=["import_tweets", "--add-users", sys.argv[1]])
assert done.exit_code == 0, done.output
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def measure_import() -> list[Row]:
    """Memory and speed of an import, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file, instance = Path(folder) / "tweets.jsonl", Path(folder) / "instance"
        instance.mkdir(mode=0o700)
        with file.open("wb") as out:
            out.writelines(line + b"\n" for line in World().v1_lines(IMPORTED))
        environ = {"SFM_INSTANCE": str(instance), "PATH": "", "SFM_LOG_LEVEL": "ERROR"}
        root = Path(__file__).resolve().parent.parent
        migrate = [sys.executable, "-m", "flask", "--app", "app", "migrate_database"]
        subprocess.run(migrate, cwd=root, env=environ, check=True, capture_output=True)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", IMPORT, str(file)], cwd=root, env=environ, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    memory = int(re.findall(r"\d+", done.stdout)[-1]) / 1024
    return [
        Row(f"import of {IMPORTED:,}: memory", f"{memory:.0f} MB", "100 MB", memory / 100, "<= 1"),
        Row(f"import of {IMPORTED:,}: speed", f"{IMPORTED / seconds:,.0f}/s"),
    ]


def main() -> list[Row]:
    rows = [row for kind in KINDS for row in measure(kind)]
    return show("Saving tweets (medians of 8 rounds, in turn)", rows + measure_import())


if __name__ == "__main__":
    main()
