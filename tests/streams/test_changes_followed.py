"""What a collector does about changes of its filters while the database makes trouble."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import text

from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import connections, service
from sfm.models import TwitterFilter, User
from sfm.streams.collector import Collector, CollectorOptions
from tests.streams.collecting import make_filter


def rename(table: str, to: str) -> None:
    db.session.rollback()
    db.session.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))
    db.session.commit()


def collector_of(made: TwitterFilter) -> Collector:
    root = app_settings().data_folder
    options = CollectorOptions(
        "twitterfilter-1", (made.id,), None, root, app_settings().instance / "run", 900,
        supervised=True,
    )  # fmt: skip
    return Collector(options, connections.source_of_filter(made))


def test_a_change_that_could_not_be_read_is_read_again(app: Flask) -> None:
    """K-18: the database fails in the middle of reading it."""
    made = make_filter(words="flood")
    number = made.id
    collector = collector_of(made)
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


def test_the_last_heartbeat_after_a_stop_is_still_of_the_filter(app: Flask) -> None:
    """Its page shows the last post, and how many came since the start, by that heartbeat."""
    made = make_filter()
    number, owner = made.id, made.user_id
    collector = collector_of(made)
    service.hold(service.by_id(number), db.session.get_one(User, owner))
    db.session.commit()
    collector._follow_changes()
    assert collector.filters.filter_ids == ()
    assert collector._heartbeat("stopped", "Asked to stop.").filter_ids == [number]
