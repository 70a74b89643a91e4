"""Exports made by a process of their own: the same file, and nothing left when one of both ends."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import psutil
import pytest
from flask import Flask

from sfm.database import db
from sfm.exports import recurring, service
from sfm.exports.build import Watch, no_watch
from sfm.exports.errors import NoRoom
from sfm.exports.format import Layout
from sfm.exports.request import Criteria, ExportRequest
from sfm.exports.result import ExportResult
from sfm.exports.worker_process import NICENESS, WorkerDied, build_in_process
from sfm.models import User
from sfm.runs.errors import Cancelled, Interrupted
from tests.exports.conftest import ABOUT
from tests.exports.making import made, names_in
from tests.exports.test_faults import break_a_row
from tests.factories import make_tweets, make_twitter_user

pytestmark = pytest.mark.slow  # each starts a Python
TEXTS = ["one, “two”\nthree", "=1+1", "four"]


def apart(
    target: Path, watch: Watch = no_watch, keep_free_mb: int = 0, **layout: str
) -> ExportResult:
    plain = Layout(packing="none", **layout)  # type: ignore[arg-type]
    return build_in_process(ExportRequest(Criteria(), plain, ABOUT, keep_free_mb), target, watch)


def makers() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children()
        if "exports.worker_main" in " ".join(one.cmdline())
    ]


def test_it_is_the_same_file_and_account_as_of_this_process(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), TEXTS * 400)
    heard: list[tuple[int, int | None]] = []
    there = apart(target_folder / "there.csv", lambda *told: heard.append(told))
    here = made(target_folder / "here.csv")
    assert there.path.read_bytes() == here.path.read_bytes()
    assert (there.size_bytes, there.sha256) == (here.size_bytes, here.sha256)
    for name in ("rows_read", "rows_written", "left_out", "changes", "warnings"):
        assert getattr(there.facts, name) == getattr(here.facts, name), name
    assert there.facts.changes["flattened_cells"] == 400
    counted = [told for told in heard if told != (0, None)]  # that is said while it starts
    assert (counted[0], counted[-1]) == ((0, 1_200), (1_200, 1_200))


def test_it_works_in_a_lower_rank_and_the_password_is_in_no_list_of_processes(
    app: Flask, target_folder: Path
) -> None:
    make_tweets(make_twitter_user(), TEXTS)
    seen = []

    def look(_done: int, _total: int | None) -> None:
        seen.extend((one.nice(), one.cmdline(), one.environ()) for one in makers())

    apart(target_folder / "x.csv", look)
    rank, words, around = seen[-1]
    assert rank == NICENESS > psutil.Process().nice()
    database = app.config["SQLALCHEMY_DATABASE_URI"]
    assert not any(database in text for text in (*words, *around.values()))


def test_a_request_to_stop_ends_it_and_nothing_stays(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), TEXTS)
    there: list[int] = []

    def stop(_done: int, _total: int | None) -> None:
        there.extend(one.pid for one in makers())
        raise Cancelled

    with pytest.raises(Cancelled):
        apart(target_folder / "x.csv", stop)
    assert len(there) == 1
    assert not psutil.pid_exists(there[0])
    assert names_in(target_folder) == []


def test_one_that_is_killed_is_told_and_leaves_no_final_name(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), TEXTS * 20_000)

    def kill(done: int, total: int | None) -> None:
        for one in makers() if 0 < done < (total or 0) else ():
            one.send_signal(signal.SIGKILL)

    with pytest.raises(WorkerDied, match="ended from outside .signal 9."):
        apart(target_folder / "x.xlsx", kill, format="xlsx")
    assert "x.xlsx" not in names_in(target_folder)
    assert apart(target_folder / "x.xlsx", format="xlsx").facts.rows_written == 60_000
    assert [name for name in names_in(target_folder) if name[0] != "."] == ["x.xlsx"]


def test_its_trouble_is_told_in_its_own_words(target_folder: Path) -> None:
    with pytest.raises(NoRoom, match="must stay free"):
        apart(target_folder / "x.csv", keep_free_mb=10**9)


def test_trouble_that_nobody_expected_is_in_the_log(
    target_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = make_tweets(make_twitter_user(), TEXTS)
    break_a_row(ids[1])
    with caplog.at_level(logging.ERROR), pytest.raises(WorkerDied, match="the log"):
        apart(target_folder / "x.csv")
    assert "DecodeError" in caplog.text
    assert names_in(target_folder) == []


def test_a_recurring_export_that_was_interrupted_stays_due(reader: User) -> None:
    make_tweets(make_twitter_user(), TEXTS)
    one = recurring.add_recurring(
        service.create_export(reader, Criteria(), Layout(), rows=3), "day"
    )
    db.session.commit()

    def stop(_done: int, _total: int | None) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        recurring.make_due_export(one.id, stop)
    db.session.expire_all()
    assert (list(recurring.due_ids()), one.last_at, one.message) == ([one.id], None, "")
    assert recurring.make_due_export(one.id) == 1
    assert list(recurring.due_ids()) == []
