"""migrate_database: copies first, survives being killed, refuses a newer database."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from sfm.database import db
from sfm.errors import SfmError
from sfm.setup.migrate import bring_up_to_date, copy_sqlite, present_revision
from tests.migrations.killing import bring_up


def test_nothing_to_do_is_said_and_done(app: Flask, tmp_path: Path) -> None:
    done = bring_up_to_date(tmp_path / "copies")
    assert done.before == done.after
    assert done.copy is None
    assert not (tmp_path / "copies").exists()


def test_a_newer_database_is_refused_in_words(app: Flask, tmp_path: Path) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SfmError, match="newer release"):
        bring_up_to_date(tmp_path / "copies")
    assert present_revision() == "9999"


def test_the_copy_is_whole_while_others_write(app: Flask, tmp_path: Path) -> None:
    if db.engine.dialect.name != "sqlite":
        assert copy_sqlite(tmp_path, "x") is None
        return
    with db.engine.connect() as writer:
        writer.execute(text("INSERT INTO day_total VALUES ('2026-11-22', 7, 1, 9)"))
        writer.commit()
        writer.execute(text("INSERT INTO day_total VALUES ('2026-11-23', 8, 1, 9)"))
        copy = copy_sqlite(tmp_path / "copies", "x")  # while the second is not committed
    assert copy is not None
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT items FROM day_total").fetchall() == [(7,)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copy.stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 15, 40])
def test_killed_half_way_it_goes_on_as_if_nothing_had_been(
    at: int, instance_folder: Path, tmp_path: Path
) -> None:
    file = instance_folder / "sfm.sqlite3"
    killed = bring_up(file, tmp_path / "copies", at)
    assert killed.returncode == -signal.SIGKILL
    again = bring_up(file, tmp_path / "copies")
    assert again.returncode == 0, again.stderr
    with sqlite3.connect(file) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert {"twitter_user_item", "run", "alembic_version"} <= tables
