"""Pages while an export runs in the same web process: their p95 against that of a quiet server."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.exports import fill
from bench.installation import add_accounts, installation
from bench.synthetic import World
from bench.table import Row, show

ROOT = Path(__file__).resolve().parent.parent
TWEETS, REQUESTS = 100_000, 300
PATHS = ("/", "/users/alpha/", "/twitter-user/reader_5/", "/exports/")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def timed(port: int, cookie: str, path: str) -> float:
    """Milliseconds of one page."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Cookie": f"sfm={cookie}", "Host": "localhost"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, (path, answer.status)
    return (time.perf_counter() - start) * 1000


def sample(port: int, cookie: str, goes_on: Callable[[int], bool]) -> list[float]:
    found: list[float] = []
    while goes_on(len(found)):
        found.append(timed(port, cookie, PATHS[len(found) % len(PATHS)]))
        time.sleep(0.01)
    return sorted(found)


def measure() -> list[Row]:
    from sfm.database import begin_write, db
    from sfm.exports import service
    from sfm.exports.criteria import Criteria
    from sfm.exports.layout import Layout
    from sfm.extensions import settings
    from sfm.models import Run, User

    world = World()
    with installation("sqlite") as (app, _was_there):
        fill(add_accounts(world.people), world, TWEETS)
        owner = User(username="bench", is_superuser=True)
        db.session.add(owner)
        db.session.commit()
        owner_id, port = owner.id, free_port()
        client = app.test_client()
        client.get("/health")
        with client.session_transaction() as session:
            session["_user_id"], session["_fresh"] = owner.get_id(), True
        found = client.get_cookie("sfm")
        cookie = found.value if found else ""
        environ = {
            **os.environ,
            "SFM_INSTANCE": str(settings().instance),
            "SFM_DATABASE_URL": settings().database_url,
            "SFM_SECRET_KEY": settings().secret_key,
            "SFM_LOG_LEVEL": "ERROR",
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1",
             "--threads", "8", "--no-control-socket", "--bind", f"127.0.0.1:{port}", "wsgi:app"],
            cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.1)
            sample(port, cookie, lambda count: count < 40)
            quiet = sample(port, cookie, lambda count: count < REQUESTS)
            begin_write()
            owner = db.session.get_one(User, owner_id)
            export = service.ask(owner, Criteria(), Layout(), rows=TWEETS)
            run_id = export.run_id
            db.session.commit()

            def state() -> str:
                db.session.rollback()
                return db.session.get_one(Run, run_id).state

            while state() == "queued":
                time.sleep(0.05)
            busy = sample(port, cookie, lambda count: count % 10 != 9 or state() == "running")
            assert state() == "finished"
        finally:
            server.terminate()
            server.wait()
    pairs = [("median", 0.5, ""), ("p95", 0.95, "<= 1.5")]
    return [
        Row(f"{name} of {len(busy)} pages", f"{at(busy, share):.1f} ms",
            f"quiet {at(quiet, share):.1f} ms", at(busy, share) / at(quiet, share), goal)
        for name, share, goal in pairs
    ]  # fmt: skip


def at(values: list[float], share: float) -> float:
    return values[int(len(values) * share)]


def main() -> list[Row]:
    return show(f"Pages while {TWEETS:,} tweets are exported in the same process", measure())


if __name__ == "__main__":
    main()
