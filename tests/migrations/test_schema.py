"""The migrations: they make what the models say, and they go up, down and up on filled tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from sfm.database import db
from sfm.factory import create_app
from tests.conftest import test_settings


@pytest.fixture
def empty_app(instance_folder: Path, empty_database_url: str) -> Iterator[Flask]:
    app = create_app(test_settings(instance_folder, empty_database_url))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def ours(_thing: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    return not (kind == "table" and reflected and (name or "").startswith("tweet_search"))


def test_head_is_what_the_models_say(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": ours}
        )
        assert compare_metadata(context, db.metadata) == []


def test_downgrade_leaves_nothing(empty_app: Flask) -> None:
    upgrade()
    assert len(inspect(db.engine).get_table_names()) > 10
    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 0
