"""What a timeline run takes of the database's connections while it waits for Twitter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask

from sfm.config import Settings
from sfm.database import db, engine_options
from sfm.models import Run, TwitterUser, User
from sfm.runs import queue
from sfm.timelines import run as timelines
from sfm.users import credentials
from sfm.users.clients import collecting_client
from tests.conftest import test_settings
from tests.waiting import wait_for

THREADS = 32
EMPTY = b'{"meta": {"result_count": 0}}'


class SlowTwitter(ThreadingHTTPServer):
    """Answers no call before `is_open` is set; `arrived` counts the calls."""

    daemon_threads = True
    request_queue_size = 2 * THREADS

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowCall)
        self.is_open = threading.Event()
        self.arrived = 0
        self.lock = threading.Lock()


class SlowCall(BaseHTTPRequestHandler):
    server: SlowTwitter

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.arrived += 1
        self.server.is_open.wait(100)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def slow_twitter() -> Iterator[SlowTwitter]:
    server = SlowTwitter()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.is_open.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(instance_folder: Path, database_url: str, slow_twitter: SlowTwitter) -> Settings:
    return test_settings(
        instance_folder,
        database_url,
        twitter_api_root=f"http://127.0.0.1:{slow_twitter.server_port}",
        twitter_default_username="anna",
        timeline_threads=THREADS,
    )


def test_threads_that_wait_for_twitter_hold_no_connection(
    app: Flask, slow_twitter: SlowTwitter
) -> None:
    """K-21: 32 threads, as the setting allows."""
    user = User(username="anna")
    db.session.add(user)
    db.session.flush()
    credentials.save(user, credentials.bearer("A" * 40, "our app"))
    for number in range(THREADS):
        db.session.add(TwitterUser(uid=200 + number, name=f"account{number}"))
    queue.enqueue("user_timeline", origin="schedule")
    db.session.commit()
    run = queue.claim(["user_timeline"])
    assert run

    def work() -> None:
        with app.app_context(), queue.finish(run, 1000) as result:
            result.update(timelines.run_timelines(run, collecting_client))

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: slow_twitter.arrived == THREADS)
    db.session.remove()
    wait_for(lambda: db.engine.pool.checkedout() == 0, 20)  # type: ignore[attr-defined]
    slow_twitter.is_open.set()
    thread.join()
    assert db.session.get_one(Run, run.id).state == "finished"


def test_the_pool_has_room_for_every_thread_that_the_settings_allow(
    app: Flask, settings: Settings
) -> None:
    connections = [db.engine.connect() for _ in range(settings.database_threads)]
    for connection in connections:
        connection.close()
    assert settings.database_threads > THREADS


def test_a_postgresql_that_vanishes_is_noticed() -> None:
    waits = engine_options("postgresql+psycopg://h/sfm?connect_timeout=3", 1)["connect_args"]
    assert waits["tcp_user_timeout"] == 60_000
    assert "connect_timeout" not in waits, "the address has the last word"
    assert "connect_args" not in engine_options("sqlite:///x", 1)
