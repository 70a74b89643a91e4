"""Migrations over tables that hold rows: down and up again, and parents rebuilt under children."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, inspect, select, table, text

from sfm import clock
from sfm.database import db
from sfm.factory import MIGRATIONS
from sfm.filters import coverage_due
from sfm.models import CoverageDue, Credential, FilterVersion, Gap, Run, RunError, TwitterFilter
from sfm.posts import tokenizer
from sfm.setup.migrate import present_revision
from sfm.streams import completeness
from tests.factories import make_set, make_tweets, make_twitter_user, make_user, rename_to

NEXT_REVISION = '''
"""A revision of a later release: twitter_user gets a column, so SQLite rebuilds the table."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("twitter_user", recreate="{recreate}") as batch:
        batch.add_column(sa.Column("later", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("twitter_user", recreate="{recreate}") as batch:
        batch.drop_column("later")
'''


@pytest.fixture
def filled(app: Flask) -> dict[str, int]:
    """Rows in every table that others hang on; comes out as a count per table."""
    owner = make_user("ann")
    account = rename_to(make_twitter_user("harbor"), "harbor_news")
    make_tweets(account, ["one flood", "two floods", "three"])
    make_set(owner, "City", [account])
    credential = Credential(user_id=owner.id, kind="bearer", fingerprint="f" * 64)
    credential.secret, credential.key_id = b"x", "k"
    db.session.add(credential)
    db.session.flush()
    made = TwitterFilter(name="flood", user_id=owner.id, credential_id=credential.id, words="flood")
    db.session.add(made)
    db.session.flush()
    coverage_due.begin(made, coverage_due.CREATED)
    coverage_due.note_version(made)
    db.session.add(RunError(run_id=a_run(), twitter_user_id=account.id, reason="gone"))
    db.session.commit()
    return counts()


def a_run() -> int:
    run = Run(kind="user_timeline", started_at=clock.now())
    db.session.add(run)
    db.session.flush()
    return run.id


def counts() -> dict[str, int]:
    db.session.remove()
    with db.engine.connect() as connection:
        names = [n for n in inspect(connection).get_table_names() if "tweet_search" not in n]
        return {
            name: connection.scalar(select(func.count()).select_from(table(name))) or 0
            for name in names
        }


def search_state() -> tuple[int, str]:
    """The version of the search's words, and how the database is told to keep posts."""
    with db.engine.connect() as connection:
        version = connection.scalar(text("SELECT version FROM tweet_search_state"))
        if connection.dialect.name == "sqlite":
            asked = "SELECT v FROM tweet_search_config WHERE k = 'automerge'"
        else:
            asked = "SELECT attcompression FROM pg_attribute WHERE attname = 'item_json'"
        return version or 0, str(connection.scalar(text(asked)))


def has_lz4() -> bool:
    asked = (
        "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    )
    with db.engine.connect() as connection:
        return bool(connection.scalar(text(asked)))


def test_an_empty_collection_is_searched_by_todays_rules_and_saved_with_less_work(
    app: Flask,
) -> None:
    version, way = search_state()
    assert version == tokenizer.VERSION
    assert way == ("8" if db.engine.dialect.name == "sqlite" else "l" if has_lz4() else "")
    downgrade(revision="0002")
    version, way = search_state()
    assert version == 1
    assert way == ("4" if db.engine.dialect.name == "sqlite" else "")


def test_the_search_of_a_filled_collection_is_marked_as_of_older_rules(
    app: Flask, filled: dict[str, int]
) -> None:
    downgrade(revision="0002")
    upgrade()
    assert search_state()[0] == 1


def test_whoever_upgrades_a_collection_is_told_to_fill_its_new_columns(
    app: Flask, filled: dict[str, int]
) -> None:
    downgrade(revision="0015")
    told = app.test_cli_runner().invoke(args=["migrate_database"]).output
    assert "Run `refill_items` when the machine has time: it fills them." in told
    again = app.test_cli_runner().invoke(args=["migrate_database"]).output
    assert "refill_items" not in again


def test_rows_outlive_a_step_down_and_up_again(app: Flask, filled: dict[str, int]) -> None:
    assert filled["twitter_user_item"] == 3
    downgrade(revision="0001")
    assert counts().items() <= filled.items()  # later tables are gone
    upgrade()
    assert counts() == filled


def test_everything_comes_up_again_after_all_was_taken_down(
    app: Flask, filled: dict[str, int]
) -> None:
    downgrade(revision="base")
    upgrade()
    assert {name for name, rows in counts().items() if rows} == {"alembic_version"}


def test_a_rebuilt_parent_keeps_its_children(
    app: Flask, filled: dict[str, int], tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    recreate = "always" if db.engine.dialect.name == "sqlite" else "auto"
    head = present_revision()
    revision = NEXT_REVISION.lstrip().replace("{recreate}", recreate).replace("{head}", head)
    (folder / "versions" / "20990101_0000_9001_later.py").write_text(revision, encoding="utf-8")
    upgrade(directory=str(folder))
    assert counts() == filled
    with db.engine.connect() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("twitter_user")}
        if db.engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_key_check")).fetchall() == []
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    assert "later" in columns
    downgrade(directory=str(folder), revision=head)
    assert counts() == filled


def test_a_link_that_gave_no_answer_is_no_longer_named_as_an_end(app: Flask) -> None:
    downgrade(revision="0007")
    values = "'[]', :status, '{}', 'x.example', '', '', 1"
    with db.engine.begin() as connection:
        for number, (outcome, status) in enumerate([("ok", 200), ("dns", None), ("gone", 404)]):
            connection.execute(
                text(
                    "INSERT INTO link (url_hash, start_url, outcome, final_url, history, "
                    "final_status, final_headers, final_domain, title, canonical_url, attempts) "
                    f"VALUES (:hash, 'https://x.example', :outcome, 'https://x.example', {values})"
                ),
                {"hash": str(number), "outcome": outcome, "status": status},
            )
    upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT outcome, final_url FROM link ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [
        ("ok", "https://x.example"), ("dns", ""), ("gone", "https://x.example"),
    ]  # fmt: skip


def test_the_ledger_begins_with_its_migration_and_claims_nothing_of_the_time_before(
    app: Flask,
) -> None:
    """What is known of it are the gaps that stand in the database, and what filled them."""
    owner = make_user("ann")
    for number, values in enumerate(({}, {"is_active": False}, {"held_at": clock.now()})):
        db.session.add(TwitterFilter(name=f"f{number}", user_id=owner.id, words="flood", **values))
    db.session.flush()
    began_at = clock.now() - timedelta(days=2)
    gap = Gap(
        filter_id=1, prefix="twitterfilter-1", cause="network", began_at=began_at, filled="filled",
        filled_posts=7, searched_from=began_at, searched_to=began_at + timedelta(days=1),
        searched_queries=["flood"],
    )  # fmt: skip
    db.session.add(gap)
    db.session.commit()
    downgrade(revision="0017")
    upgrade()
    db.session.remove()
    dues = db.session.query(CoverageDue).order_by(CoverageDue.filter_id)
    assert [(due.end_cause, due.ended_at is None) for due in dues] == [
        ("", True), ("not_active", False), ("stopped", False),
    ]  # fmt: skip
    assert {version.words for version in db.session.query(FilterVersion)} == {"flood"}
    (old, now) = completeness.of_prefix("twitterfilter-1").gaps
    assert (old.cause, old.began_at, old.ended_at) == ("network", began_at, now.began_at)
    assert [(fill.posts, fill.queries) for fill in old.fills] == [(7, ["flood"])]
    assert (now.cause, now.ended_at) == ("not_connected", None)
