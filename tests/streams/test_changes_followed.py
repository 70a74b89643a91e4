"""What a collector does about changes of its filters while the database makes trouble."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import text

from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import connections, service
from sfm.models import TwitterFilter
from sfm.streams.collector import Collector, CollectorOptions
from tests.streams.collecting import make_filter


def rename(table: str, to: str) -> None:
    db.session.rollback()
    db.session.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))
    db.session.commit()


def test_a_change_that_could_not_be_read_is_read_again(app: Flask) -> None:
    """K-18: the database fails in the middle of reading it."""
    made = make_filter(words="flood")
    number, root = made.id, app_settings().data_folder
    options = CollectorOptions(
        "twitterfilter-1", (number,), None, root, app_settings().instance / "run", 900
    )
    collector = Collector(options, connections.source_of_filter(made))
    changed = db.session.get(TwitterFilter, number)
    assert changed is not None
    changed.words = "storm"
    service._changed(changed)
    db.session.commit()
    rename("credential", "credential_away")
    collector._follow_changes()
    assert [rule.value for rule in collector.filters.unique_rules] == ["flood"]
    rename("credential_away", "credential")
    collector._follow_changes()
    assert [rule.value for rule in collector.filters.unique_rules] == ["storm"]
