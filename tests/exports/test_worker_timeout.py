"""A real gunicorn that gives a request a few seconds, and an export that takes more of them."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import psutil
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.exports import storage
from sfm.models import ExportFile, User
from tests.exports.making import names_in
from tests.exports.serving import ask_for, browser_of, gunicorn
from tests.factories import make_tweets, make_twitter_user

TIMEOUT_SECONDS = 3
TWEETS = 120_000
READ_BACK = 2_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Iterator[tuple[str, psutil.Popen]]:
    """One worker that answers one request at a time: gunicorn kills it if one takes too long."""
    few = ("--workers", "1", "--worker-class", "sync", "--timeout", str(TIMEOUT_SECONDS))
    with gunicorn(settings, tmp_path / "gunicorn.log", *few) as running:
        yield running


def test_ex9_a_larger_export_outlives_the_timeout_of_the_server_that_makes_it(
    client: FlaskClient, reader: User, site: tuple[str, psutil.Popen], tmp_path: Path
) -> None:
    ids = make_tweets(make_twitter_user("City"), ["x" * 250] * TWEETS)
    address, server = site
    browser = browser_of(client, reader, address)
    worker = server.children()[0].pid
    shown_at = ask_for(browser, address, format="xlsx", columns="extended", packing="bag")
    seen = set()
    while "Ready" not in (shown := browser.get(shown_at, timeout=30).text):
        assert "Failed" not in shown
        seen.update(re.findall(r'<progress value="(\d+)"', shown))
        time.sleep(0.3)
    db.session.rollback()
    export = db.session.scalars(select(ExportFile)).one()
    run = export.run
    assert run is not None
    assert run.started_at is not None
    assert run.finished_at is not None
    lasted = (run.finished_at - run.started_at).total_seconds()
    assert lasted > TIMEOUT_SECONDS, "else this shows nothing"
    assert [child.pid for child in server.children()] == [worker], "nobody was killed"
    assert "WORKER TIMEOUT" not in (tmp_path / "gunicorn.log").read_text()
    assert (run.attempts, export.restarts, export.rows_written) == (1, 0, len(ids))
    assert len(seen) > 2, "its progress was shown meanwhile"
    here = storage.exports_folder() / str(export.id)
    assert [name for name in names_in(here) if name[0] != "."] == [export.file_name]
    got = browser.get(f"{address}/exports/{export.id}/file/", timeout=60)
    (tmp_path / "got.zip").write_bytes(got.content)
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        assert archive.testzip() is None
        sheet = next(name for name in archive.namelist() if name.endswith(".xlsx"))
        archive.extract(sheet, tmp_path)
    table = openpyxl.load_workbook(tmp_path / sheet, read_only=True).worksheets[0]
    place = next(table.iter_rows(values_only=True)).index("twitter_id")
    one = {"min_col": place + 1, "max_col": place + 1, "values_only": True}
    column = table.iter_rows(min_row=2, max_row=READ_BACK + 1, **one)
    assert [row[0] for row in column] == [str(number) for number in ids[:READ_BACK]]
    with zipfile.ZipFile(tmp_path / sheet) as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == TWEETS + 1
