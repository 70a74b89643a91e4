"""Pages while an export is made: their p95 against that of the same server without one.

gunicorn as `make run` starts it, pages asked for one after the other with pauses between, quiet and
busy in turn.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from flask import Flask

from bench.exports import fill
from bench.installation import KINDS, add_accounts, installation
from bench.synthetic import World
from bench.table import Row, show
from sfm.config import WEB_THREADS
from sfm.supervisord.own_conf import WORKERS

ROOT = Path(__file__).resolve().parent.parent
TWEETS, PAGES, ROUNDS = 150_000, 300, 5
PATHS = ("/", "/users/alpha/", "/twitter-user/reader_5/", "/exports/", "/tweets/")
PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Site:
    """A running server, and somebody who is signed in there."""

    port: int
    cookie: str

    def milliseconds(self, path: str) -> float:
        """How long one page takes, on a connection of its own."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = {"Cookie": f"sfm={self.cookie}", "Host": "localhost"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200, (path, answer.status)
        return (time.perf_counter() - start) * 1000

    def sample(self, count: int = PAGES) -> list[float]:
        """The times of so many pages, ascending."""
        times = []
        for number in range(count):
            times.append(self.milliseconds(PATHS[number % len(PATHS)]))
            time.sleep(PAUSE_SECONDS)
        return sorted(times)


@contextmanager
def served(app: Flask, owner_id: int) -> Iterator[Site]:
    """The site with its workers, warm."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(WORKERS),
         "--threads", str(WEB_THREADS), "--no-control-socket", "--bind", f"127.0.0.1:{port}",
         "wsgi:app"],
        cwd=ROOT, env=environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        site = Site(port, cookie_of(app, owner_id))
        site.sample(60)
        yield site
    finally:
        server.terminate()
        server.wait()


def environ() -> dict[str, str]:
    from sfm.extensions import settings

    return {
        **os.environ,
        "SFM_INSTANCE": str(settings().instance),
        "SFM_DATABASE_URL": settings().database_url,
        "SFM_SECRET_KEY": settings().secret_key,
        "SFM_LOG_LEVEL": "ERROR",
    }


def cookie_of(app: Flask, owner_id: int) -> str:
    from sfm.database import db
    from sfm.models import User

    client = app.test_client()
    client.get("/health")
    with client.session_transaction() as session:
        owner = db.session.get_one(User, owner_id)
        session["_user_id"], session["_fresh"] = owner.get_id(), True
    cookie = client.get_cookie("sfm")
    return cookie.value if cookie else ""


@contextmanager
def export_under_way(owner_id: int) -> Iterator[None]:
    """A long export that the server makes meanwhile: it must not end before; then cancelled."""
    from sfm.database import begin_write, db
    from sfm.exports import service
    from sfm.exports.format import Layout
    from sfm.exports.request import Criteria
    from sfm.models import Run, User

    begin_write()
    layout = Layout(format="xlsx", columns=("extended",), packing="bag")
    run_id = service.create_export(
        db.session.get_one(User, owner_id), Criteria(), layout, rows=TWEETS
    ).run_id
    db.session.commit()
    wait_until(run_id, lambda run: run.state == "running" and run.done)
    yield
    wait_until(run_id, lambda run: run.state == "running", at_once=True)
    begin_write()
    db.session.get_one(Run, run_id).cancel_requested = True
    db.session.commit()
    wait_until(run_id, lambda run: run.state == "cancelled")


def wait_until(run_id, holds, *, at_once: bool = False) -> None:  # type: ignore[no-untyped-def]
    from sfm.database import db
    from sfm.models import Run

    for _ in range(1 if at_once else 600):
        db.session.rollback()
        run = db.session.get_one(Run, run_id)
        if holds(run):
            return
        time.sleep(0.1)
    raise AssertionError(f"the run is {run.state} at {run.done}: {run.message}")


def owner_of_exports() -> int:
    from sfm.database import db
    from sfm.models import User

    owner = User(username="bench", is_superuser=True)
    db.session.add(owner)
    db.session.commit()
    return owner.id


def measure(kind: str) -> list[Row]:
    world = World()
    with installation(kind) as (app, _was_there):
        fill(add_accounts(world.people), world, TWEETS)
        owner_id = owner_of_exports()
        pairs = []
        with served(app, owner_id) as site:
            for _ in range(ROUNDS):
                quiet = site.sample()
                with export_under_way(owner_id):
                    pairs.append((quiet, site.sample()))
    return [
        compared(kind, "median", pairs, 0.5, ""),
        compared(kind, "p95", pairs, 0.95, "<= 1.5"),
    ]


def compared(
    kind: str, what: str, pairs: list[tuple[list[float], list[float]]], share: float, goal: str
) -> Row:
    """Medians over the rounds; the ratio is that of the pairs."""
    figures = [(at(quiet, share), at(busy, share)) for quiet, busy in pairs]
    return Row(
        f"{kind}: {what} of {PAGES} pages",
        f"{median(busy for _, busy in figures):.1f} ms",
        f"quiet {median(quiet for quiet, _ in figures):.1f} ms",
        median(busy / quiet for quiet, busy in figures),
        goal,
    )


def at(values: list[float], share: float) -> float:
    return values[int(len(values) * share)]


def main() -> list[Row]:
    rows = [row for kind in KINDS for row in measure(kind)]
    return show(f"Pages while {TWEETS:,} tweets are exported, {ROUNDS} rounds", rows)


if __name__ == "__main__":
    main()
