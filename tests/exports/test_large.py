"""EX12: an export of very many posts, on the server as `make run` starts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from sfm.config import WEB_THREADS, Settings
from sfm.database import begin_write, db
from sfm.exports.worker_process import NICENESS
from sfm.models import ExportFile, TwitterUserItem, User
from sfm.supervisord.own_conf import WORKERS
from tests.exports.serving import ask_for, browser_of, gunicorn
from tests.factories import make_tweets, make_twitter_user
from tests.waiting import wait_for

LONG = os.environ.get("SFM_FAULTS") == "long"
TWEETS = 1_000_000 if LONG else 120_000
MEGABYTE = 1_000_000
PATHS = ("/", "/tweets/", "/twitter-user/City/", "/exports/")
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(3600 if LONG else 300)]


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Iterator[tuple[str, psutil.Popen]]:
    delivered = (
        "--workers",
        str(WORKERS),
        "--worker-class",
        "gthread",
        "--threads",
        str(WEB_THREADS),
    )
    with gunicorn(settings, tmp_path / "gunicorn.log", *delivered) as running:
        yield running


def multiply(count: int) -> None:
    """So many copies of the one post there is, each with an id of its own."""
    names = [one.name for one in TwitterUserItem.__table__.columns if one.name != "id"]
    values = ["twitter_id + number" if name == "twitter_id" else name for name in names]
    begin_write()
    db.session.execute(
        text(
            "WITH RECURSIVE series(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM series "
            f"WHERE number < :count) INSERT INTO twitter_user_item ({', '.join(names)}) "
            f"SELECT {', '.join(values)} FROM twitter_user_item, series"
        ),
        {"count": count},
    )
    db.session.commit()


@dataclass
class Watched:
    """What the server's processes took while the export was made."""

    server: psutil.Popen
    makers: dict[int, float] = field(default_factory=dict)  # CPU seconds by process
    peak_bytes: int = 0
    rank: int = 0  # of the last one seen

    @property
    def maker_seconds(self) -> float:
        return sum(self.makers.values())

    def look(self) -> float:
        """How many CPU seconds the makers have taken until now."""
        for one in self.server.children(recursive=True):
            try:
                if "exports.worker_main" in " ".join(one.cmdline()):
                    self.makers[one.pid] = sum(one.cpu_times()[:2])
                    self.peak_bytes = max(self.peak_bytes, one.memory_info().rss)
                    self.rank = one.nice()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return self.maker_seconds

    def workers_seconds(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in self.server.children())

    def workers_bytes(self) -> int:
        return max(one.memory_info().rss for one in self.server.children())


def test_ex12_very_many_posts_take_little_memory_and_pages_are_answered_meanwhile(
    client: FlaskClient, reader: User, site: tuple[str, psutil.Popen]
) -> None:
    make_tweets(make_twitter_user("City"), ["x" * 250])
    multiply(TWEETS - 1)
    address, server = site
    browser = browser_of(client, reader, address)
    answer_all(browser, address)
    seen = Watched(server)
    bytes_before, shown_at = seen.workers_bytes(), ask_for(
        browser, address, format="xlsx", columns="extended", packing="bag"
    )  # fmt: skip

    wait_for(lambda: bool(seen.look()))
    before = seen.workers_seconds()
    wait_for(lambda: seen.look() > 1.5)  # no page is asked for as yet
    of_workers = seen.workers_seconds() - before
    assert of_workers < seen.maker_seconds / 4, (
        "the pages' own processes have next to nothing to do"
    )

    asked = 0
    while "Ready" not in (shown := browser.get(shown_at, timeout=30).text):
        assert "Failed" not in shown
        asked += answer_all(browser, address)
        seen.look()
    assert asked >= len(PATHS), "else nobody asked for a page meanwhile"
    assert (len(seen.makers), seen.rank) == (1, NICENESS)
    assert seen.peak_bytes < 200 * MEGABYTE
    assert seen.workers_bytes() - bytes_before < 40 * MEGABYTE
    db.session.rollback()
    export = db.session.scalars(select(ExportFile)).one()
    stored = db.session.scalar(select(func.count(TwitterUserItem.id)))
    assert (export.restarts, export.rows_read, export.rows_written) == (0, stored, TWEETS)


def answer_all(browser: requests.Session, address: str) -> int:
    """Each of some pages, answered well; how many."""
    for path in PATHS:
        answer = browser.get(address + path, timeout=30)
        assert answer.status_code == 200, path
    return len(PATHS)
