"""Runs the migrations on the app's own database.

On SQLite a table that is rebuilt in batch mode takes the rows of its children with it while
foreign keys are on (ON DELETE CASCADE): so they are off meanwhile, and checked at the end.
Alembic does not see AUTOINCREMENT, nor how far a table's numbers are given out: a rebuilt table
keeps both by the two listeners below (docs/decisions/0029).
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Table, event, text

from sfm import models  # noqa: F401  (loads every table)
from sfm.database import SentenceList, SentenceText, UtcDateTime, db

OUTSIDE_THE_MODELS = ("tweet_search",)  # full-text indexes, see their own migration


REBUILT = "_alembic_tmp_"  # what Alembic calls the table that takes a rebuilt one's place


@event.listens_for(Table, "before_create")
def keep_autoincrement(table: Table, connection: Connection, **_kw: Any) -> None:
    if connection.dialect.name == "sqlite" and table.name.startswith(REBUILT):
        definition = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
        sql = connection.scalar(definition, {"name": table.name.removeprefix(REBUILT)})
        if "AUTOINCREMENT" in (sql or ""):
            table.dialect_options["sqlite"]["autoincrement"] = True


@event.listens_for(Table, "after_create")
def keep_last_number(table: Table, connection: Connection, **_kw: Any) -> None:
    if table.name.startswith(REBUILT) and table.dialect_options["sqlite"]["autoincrement"]:
        copy = text(
            "INSERT INTO sqlite_sequence (name, seq) "
            "SELECT :rebuilt, seq FROM sqlite_sequence WHERE name = :name"
        )
        name = table.name.removeprefix(REBUILT)
        connection.execute(copy, {"rebuilt": table.name, "name": name})


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    return not (kind == "table" and reflected and (name or "").startswith(OUTSIDE_THE_MODELS))


def render_item(kind: str, thing: Any, _context: Any) -> str | bool:
    """Migrations hold plain SQLAlchemy types: they must not change when our code does."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, SentenceText | SentenceList):
        return "sa.Text()" if isinstance(thing, SentenceText) else "sa.JSON()"
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
