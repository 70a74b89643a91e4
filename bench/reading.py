"""Reading pages of a large collection: server time of each, on SQLite and PostgreSQL.

`python -m bench.reading --tweets 5000000 --keep FOLDER` measures the full size, and keeps it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from bench.installation import KINDS, add_accounts, installation
from bench.synthetic import World, vocabulary
from bench.table import Row, cpu_of, show
from sfm.database import begin_write, db
from sfm.models import TwitterUser, TwitterUserItem, TwitterUserSet, User
from sfm.networks.page import PostRecord
from sfm.posts import queries
from sfm.posts.selection import Selection
from sfm.posts.store import save_page
from sfm.twitter.parse.tweet import parse_line

TWEETS, ACCOUNTS, IN_A_SET = 500_000, 2_000, 300
SAVED_AT_ONCE = 2_000
ROUNDS = 20
MEDIAN_MS, P95_MS = 50.0, 120.0
BOTH = {"Accept": "text/html"}


def fill(tweets: int) -> None:
    """A collection of so many posts, two accounts' sets and a reader."""
    world = World(accounts=ACCOUNTS, seconds_apart=30.0 * 5_000_000 / tweets)
    owners = add_accounts(world.people)
    account = User(username="reader")
    db.session.add(account)
    db.session.flush()
    members = list(db.session.scalars(select(TwitterUser).limit(IN_A_SET)))
    db.session.add(TwitterUserSet(owner_id=account.id, name="Readers", members=members))
    db.session.commit()
    lines = world.v2_lines(tweets)
    while page := [PostRecord(line, parse_line(line)) for line in islice(lines, SAVED_AT_ONCE)]:
        begin_write()
        save_page(page, captured_by="timeline", run_id=1, owner=owners)
        db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))


def addresses() -> Iterator[tuple[str, str]]:
    """What is asked for: a name, and the address."""
    middle = db.session.scalar(select(func.max(TwitterUserItem.id))) or 0
    deep = db.session.scalars(
        select(TwitterUserItem.twitter_id).where(TwitterUserItem.id == middle // 2)
    ).one()
    name = db.session.scalars(select(TwitterUser.name).limit(1)).one()
    set_id = db.session.scalars(select(TwitterUserSet.id)).first()
    words = vocabulary()
    yield "home", "/"
    yield "tweets, newest", "/tweets/"
    token = queries._make_token(Selection(), "older", deep)
    yield "tweets, half-way down", f"/tweets/?at={token}"
    yield "accounts, A to Z", "/users/alpha/"
    yield "one account", f"/twitter-user/{name}/"
    yield "one set", f"/sets/{set_id}/"
    yield "a set's tweets", f"/tweets/?set={set_id}"
    yield "search: the commonest word", f"/tweets/?q={words[0]}"
    yield "search: a common word", f"/tweets/?q={words[30]}"
    yield "search: a rare word", f"/tweets/?q={words[15_000]}"
    yield "search: no hit", "/tweets/?q=qqqqq"
    yield "search: Japanese", "/tweets/?q=東京"
    yield "search: word and set", f"/tweets/?q={words[5]}&set={set_id}"
    yield "language", "/tweets/?lang=el"
    yield "kind, links, month", "/tweets/?kind=retweet&link=yes&from=2023-03-01&to=2023-03-31"


def client_of(app: Flask) -> FlaskClient:
    """A browser of somebody who is signed in."""
    account = db.session.scalars(select(User)).first()
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = account.get_id() if account else ""
        session["_fresh"] = True
    return client


def times(client: FlaskClient, address: str) -> list[float]:
    """Milliseconds of CPU for each request, after two to warm up: ours, and the database's.

    CPU and not the clock, for other work on the machine counts on the clock. What a database
    server spends is known for all rounds together, in hundredths of a second.
    """
    milliseconds = []
    spent = 0.0
    for number in range(ROUNDS + 2):
        if number == 2:
            spent = server_seconds()
        start = time.process_time()
        answer = client.get(address, headers=BOTH)
        assert answer.status_code == 200, (address, answer.status, answer.text[:500])
        if number > 1:
            milliseconds.append((time.process_time() - start) * 1000)
    for_each = (server_seconds() - spent) * 1000 / ROUNDS
    return [own + for_each for own in milliseconds]


def server_seconds() -> float:
    """CPU seconds that the database's server processes have spent for us so far."""
    if db.engine.dialect.name == "sqlite":
        return 0.0
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    with db.engine.connect() as connection:
        pids = connection.scalars(text(query)).all()
    return sum(map(cpu_of, pids))


def measure(kind: str, tweets: int, kept: Path | None) -> list[Row]:
    with installation(kind, kept / kind if kept else None) as (app, is_full):
        if not is_full:
            fill(tweets)
        client = client_of(app)
        rows = []
        for name, address in addresses():
            db.session.remove()
            milliseconds = times(client, address)
            median, p95 = (
                statistics.median(milliseconds),
                sorted(milliseconds)[int(ROUNDS * 0.95) - 1],
            )
            worst = max(median / MEDIAN_MS, p95 / P95_MS)
            ours = f"{median:.0f} ms, p95 {p95:.0f}"
            rows.append(Row(f"{kind}: {name}", ours, "50 ms, p95 120", worst, "<= 1"))
        return rows


def main() -> list[Row]:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("--tweets", type=int, default=TWEETS)
    parser.add_argument("--keep", type=Path, help="a folder to build in, and to use again")
    parser.add_argument("--only", choices=KINDS)
    given = parser.parse_args()
    kinds = [given.only] if given.only else list(KINDS)
    rows = [row for kind in kinds for row in measure(kind, given.tweets, given.keep)]
    return show(f"Pages of {given.tweets:,} tweets, {ACCOUNTS:,} accounts (20 rounds)", rows)


if __name__ == "__main__":
    main()
