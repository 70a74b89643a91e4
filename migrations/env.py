"""Runs the migrations on the app's own database.

On SQLite a table that is rebuilt in batch mode takes the rows of its children with it while
foreign keys are on (ON DELETE CASCADE): so they are off meanwhile, and checked at the end.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from sfm import models  # noqa: F401  (loads every table)
from sfm.database import UtcDateTime, db

OUTSIDE_THE_MODELS = ("tweet_search",)  # full-text indexes, see their own migration


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    return not (kind == "table" and reflected and (name or "").startswith(OUTSIDE_THE_MODELS))


def render_item(kind: str, thing: Any, _context: Any) -> str | bool:
    """Migrations hold plain SQLAlchemy types: they must not change when our code does."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        include_object=include_object,
        render_item=render_item,
        transaction_per_migration=True,
        transactional_ddl=True,  # on SQLite too: our connections say BEGIN themselves
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on_sqlite(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        run(connection)
        broken = driver.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"the migration left rows without their parents: {broken[:5]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


with current_app.app_context(), db.engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        run_on_sqlite(connection)
    else:
        run(connection)
