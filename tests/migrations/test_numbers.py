"""The numbers of deleted rows stay theirs: after the migration, and after later ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import BigInteger, Column, column, inspect, select, table, text
from sqlalchemy import delete as sql_delete

from sfm import audit, clock
from sfm.database import Base, db
from sfm.exports.request import of_set
from sfm.extensions import settings
from sfm.models import (
    ExportFile,
    Gap,
    RecurringExport,
    Run,
    StreamFile,
    TwitterFilter,
    TwitterUser,
    TwitterUserSet,
    User,
)
from sfm.setup.migrate import bring_up_to_date
from tests.factories import make_run, make_set, make_tweets, make_twitter_user, make_user

COUNTED = [mapper.class_ for mapper in Base.registry.mappers if "id" in mapper.columns]


def definitions() -> dict[str, str]:
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        return {row.name: row.sql for row in rows}


def sqlite_only() -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's sequences never go back")


def only_sequences_are_behind() -> None:
    """PostgreSQL as it is where rows were put back and their sequences were not."""
    if db.engine.dialect.name == "postgresql":
        present = inspect(db.session.connection()).get_table_names()
        for table in Base.metadata.tables.values():
            if table.name in present and list(table.primary_key.columns.keys()) == ["id"]:
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                db.session.execute(text(f"SELECT setval({sequence}, 1, false)"))
        db.session.commit()


def test_each_table_with_a_number_counts_on_whatever_is_deleted(app: Flask) -> None:
    sqlite_only()
    sql = definitions()
    assert len(COUNTED) >= 18
    for model in COUNTED:
        assert "AUTOINCREMENT" in sql[model.__tablename__], model.__tablename__
        assert model.__table__.dialect_options["sqlite"]["autoincrement"]


@pytest.fixture
def remembered(app: Flask) -> dict[type, int]:
    """A database of the release before: of each kind a highest row is deleted, but remembered."""
    account = make_twitter_user("harbor")
    make_tweets(account, ["one"])
    ann = make_user("ann")
    highest: dict[type, int] = {}
    run = make_run()
    db.session.execute(text(f"UPDATE twitter_user_item SET run_id = {run.id}"))
    filter_row = TwitterFilter(name="flood", user_id=ann.id, words="flood")
    city, gone = make_set(ann, "City", [account]), make_user("gone")
    db.session.add(filter_row)
    db.session.flush()
    db.session.add(a_file(f"twitterfilter-{filter_row.id}"))
    queued = Run(kind="export", params={"export_id": 41})
    export = ExportFile(owner_id=ann.id, title="x", criteria=of_set(city).as_json(), layout={})
    db.session.add_all([queued, export])
    audit.record("user.deleted", kind="user", subject_id=gone.id)
    audit.record("twitter_user.deleted", kind="twitter_user", subject_id=account.id + 5)
    audit.record("tweet.removed", kind="tweet", subject_id=1_859_000_000_000_000_001)
    highest |= {User: gone.id, TwitterUser: account.id + 5, TwitterUserSet: city.id}
    highest |= {TwitterFilter: filter_row.id, ExportFile: 41, Run: queued.id}
    db.session.commit()
    downgrade(revision="0005")
    for model in (TwitterFilter, TwitterUserSet, User):  # by name: the models are of today
        row = table(model.__tablename__, column("id"))
        db.session.execute(sql_delete(row).where(row.c.id == highest[model]))
    db.session.commit()
    only_sequences_are_behind()
    return highest


def a_file(prefix: str) -> StreamFile:
    moment = clock.now()
    return StreamFile(
        prefix=prefix, path=f"stream/{prefix}.gz", begun_at=moment, lines=1, size_bytes=1, sha256=""
    )


def test_a_number_that_is_remembered_is_not_given_out_again(
    remembered: dict[type, int],
) -> None:
    """X-1, X-2, L-1: the migration goes on above what the audit log, files and exports remember."""
    upgrade()
    ben = make_user("ben")
    filter_row = TwitterFilter(name="storm", user_id=ben.id, words="storm")
    db.session.add(filter_row)
    account = make_twitter_user("quay")
    city = make_set(ben, "City", [account])
    export = ExportFile(owner_id=ben.id, title="x", criteria={}, layout={})
    db.session.add(export)
    db.session.flush()
    for row in (ben, filter_row, account, city, export, make_run()):
        assert row.id == remembered[type(row)] + 1, type(row)


def test_the_migration_keeps_every_row_index_and_key(app: Flask) -> None:
    account = make_twitter_user("harbor")
    make_tweets(account, ["one flood", "two floods"])
    make_set(make_user("ann"), "City", [account])
    db.session.commit()
    downgrade(revision="0005")
    before, rows = shape(), contents()
    upgrade(revision="0006")
    assert shape() == before
    assert contents() == rows
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert connection.scalar(text("PRAGMA writable_schema")) in (0, None)


def shape() -> dict[str, object]:
    """Columns, keys, indexes and constraints of all tables."""
    db.session.remove()
    inspector = inspect(db.engine)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            inspector.get_pk_constraint(name),
            sorted(inspector.get_foreign_keys(name), key=str),
            sorted(inspector.get_indexes(name), key=str),
            sorted(inspector.get_unique_constraints(name), key=str),
        )
        for name in inspector.get_table_names()
        if not name.startswith("tweet_search")
    }


def contents() -> dict[str, list[tuple[object, ...]]]:
    names = shape().keys() - {"alembic_version"}
    with db.engine.connect() as connection:
        return {
            name: [
                tuple(row) for row in connection.execute(select(text("*")).select_from(table(name)))
            ]
            for name in names
        }


@pytest.mark.parametrize("model", [TwitterFilter, TwitterUser, TwitterUserSet, User, Run, Gap])
def test_the_number_of_a_deleted_row_stays_its_own(app: Flask, model: type) -> None:
    first = a_row(model, "one")
    number = first.id
    db.session.delete(first)
    db.session.commit()
    assert a_row(model, "two").id > number


def a_row(
    model: type, name: str
) -> TwitterFilter | TwitterUser | TwitterUserSet | User | Run | Gap:
    row: TwitterFilter | TwitterUser | TwitterUserSet | User | Run | Gap
    if model is User:
        row = make_user(name)
    elif model is TwitterUser:
        row = make_twitter_user(name)
    elif model is TwitterUserSet:
        row = make_set(make_user(name), name, [])
    elif model is TwitterFilter:
        row = TwitterFilter(name=name, user_id=make_user(name).id, words="x")
    elif model is Run:
        row = make_run()
    else:
        row = Gap(prefix=name, began_at=clock.now(), cause="restarted")
    db.session.add(row)
    db.session.commit()
    return row


def test_a_table_rebuilt_by_a_later_migration_counts_on(app: Flask) -> None:
    """Alembic's own copy of a table knows neither AUTOINCREMENT nor the numbers given out."""
    sqlite_only()
    first = make_twitter_user("harbor")
    number = first.id
    db.session.delete(first)
    db.session.commit()
    import_listeners()
    with db.engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("twitter_user", recreate="always") as batch:
            batch.add_column(Column("later", BigInteger(), nullable=True))
    assert "AUTOINCREMENT" in definitions()["twitter_user"]
    assert make_twitter_user("quay").id > number


def import_listeners() -> None:
    """What migrations/env.py listens to stands as soon as any migration was run."""
    upgrade()


def test_others_who_have_the_file_open_see_the_migration(app: Flask, tmp_path: Path) -> None:
    sqlite_only()
    downgrade(revision="0005")
    db.session.remove()
    with closing(sqlite3.connect(db.engine.url.database or "")) as other:
        other.execute("SELECT count(*) FROM run").fetchall()
        upgrade()
        other.execute("INSERT INTO day_total VALUES ('2026-11-22', 7, 1, 9)")
        insert = "INSERT INTO event (at, kind, severity, subject_type, subject, message) "
        other.execute(insert + "VALUES ('2026-11-22', 'x', 'notice', '', '', '')")
        assert other.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchall()
        other.commit()


def test_what_another_filter_left_is_taken_from_the_one_that_got_its_number(app: Flask) -> None:
    """X-1 in installations where it has happened: what began before a filter is not its own."""
    row = TwitterFilter(name="storm", user_id=make_user("ben").id, words="storm")
    db.session.add(row)
    db.session.flush()
    earlier, later = row.created_at - timedelta(hours=1), row.created_at + timedelta(seconds=1)
    for moment in (earlier, later):
        file = a_file(f"twitterfilter-{row.id}")
        file.path, file.begun_at, file.filter_id = f"{moment:%H%M%S}.gz", moment, row.id
        gap = Gap(prefix=file.prefix, began_at=moment, cause="restarted", filter_id=row.id)
        db.session.add_all([file, gap])
    number = row.id
    db.session.commit()
    downgrade(revision="0005")
    upgrade()
    for began_at, owner in (
        (StreamFile.begun_at, StreamFile.filter_id),
        (Gap.began_at, Gap.filter_id),
    ):
        assert dict(db.session.execute(select(began_at, owner)).all()) == {
            earlier: None,
            later: number,
        }


def test_a_copy_put_back_counts_on_above_the_files_made_since(app: Flask, tmp_path: Path) -> None:
    """As docs/operations.md says: put it back, then `migrate_database`."""
    folder = settings().data_folder
    (folder / "exports" / "recurring" / "6-weekly").mkdir(parents=True)
    (folder / "exports" / "12").mkdir()
    (folder / "twitterfilter-8").mkdir()
    (folder / "twitterfilter-9-2026-11-30T12-00-00.000000-3Z.gz.open").touch()
    assert bring_up_to_date(tmp_path / "copies").copy is None
    ann = make_user("ann")
    order: dict[str, object] = {"owner_id": ann.id, "title": "x", "criteria": {}, "layout": {}}
    filter_row = TwitterFilter(name="flood", user_id=ann.id, words="flood")
    export = ExportFile(**order)
    weekly = RecurringExport(**order, every="week", next_at=clock.now())
    db.session.add_all([filter_row, export, weekly])
    db.session.commit()
    assert (filter_row.id, export.id, weekly.id) == (10, 13, 7)
    bring_up_to_date(tmp_path / "copies")
    second = TwitterFilter(name="storm", user_id=ann.id, words="storm")
    db.session.add(second)
    db.session.commit()
    assert second.id == 11
