"""What is recorded of an account's completeness is on its page, in lists and in packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock
from sfm.accounts import completeness, service
from sfm.database import begin_write, db
from sfm.models import TimelineHole, TwitterUser, User
from tests.exports.making import made, of
from tests.factories import (
    make_run,
    make_run_error,
    make_set,
    make_tweets,
    make_twitter_user,
    make_user,
    tweet_id_at,
)
from tests.pages import page, text_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def holed(app: Flask) -> TwitterUser:
    """An account with a hole of November's second week, two posts of which were imported."""
    account = make_twitter_user("tides", statuses_count=14_858)
    ends = [tweet_id_at(NOW - timedelta(days=days)) for days in (300, 14, 7)]
    make_tweets(account, ["inside", "inside too"], at=NOW - timedelta(days=10))
    make_tweets(account, ["before"], at=NOW - timedelta(days=20))
    for after_id, before_id in ((None, ends[0]), (ends[1], ends[2])):
        db.session.add(
            TimelineHole(
                twitter_user_id=account.id, after_id=after_id, before_id=before_id, cause="limit"
            )
        )
    account.first_pass_oldest_id, account.held_to_id = ends[0], tweet_id_at(NOW)
    account.collected_at = clock.now()
    db.session.commit()
    return account


def test_what_was_kept_since_of_a_hole_is_counted(holed: TwitterUser) -> None:
    record = completeness.of_account(holed)
    assert [hole.kept_since for hole in record.missing] == [0, 2]
    assert record.inactive_since is None


def test_runs_that_failed_since_it_was_last_read_are_counted_once_each(
    holed: TwitterUser,
) -> None:
    other = make_twitter_user("other")
    old = make_run(started_at=clock.now() - timedelta(days=2))
    make_run_error(old, holed, "before")
    assert completeness.of_account(holed).failed_runs == 0
    for _ in range(2):
        later = make_run(started_at=clock.now() + timedelta(minutes=1))
        make_run_error(later, holed, "No answer.")
        make_run_error(later, holed, "No answer.")
    make_run_error(make_run("fetch_urls", started_at=clock.now()), other, "not a timeline")
    assert completeness.of_account(holed).failed_runs == 2
    assert completeness.of_account(other).failed_runs == 0


def test_since_when_it_is_inactive(holed: TwitterUser) -> None:
    begin_write()
    service.deactivate(holed)
    db.session.commit()
    assert completeness.of_account(holed).inactive_since is not None


def test_page_list_and_package_say_the_same(
    holed: TwitterUser, reader: User, login_as: Callable[[User], FlaskClient], tmp_path: Path
) -> None:
    words = str(completeness.describe(completeness.of_account(holed)))
    assert "newest 3,200" in words
    account_set = make_set(reader, "Sea", [holed, make_twitter_user("calm")])
    set_id = account_set.id
    client = login_as(reader)
    assert words in text_of(page(client, "/twitter-user/tides/").one("body"))
    shown = page(client, f"/sets/{set_id}/")
    assert words in text_of(shown.one("body"))
    assert "holes: 1" in text_of(shown.one("body"))
    db.session.rollback()
    made(tmp_path / "x", of(set=str(set_id)), packing="zip")
    told = json.loads((tmp_path / "x" / "export.json").read_text())["accounts"]
    assert [account["account"] for account in told] == ["calm", "tides"]
    assert told[1]["in_words"] == words
    readme = (tmp_path / "x" / "README.txt").read_text()
    part = readme.partition("How complete the accounts are\n")[2].partition("\n\n")[0]
    assert part.splitlines()[1:] == [f"@{one['account']}: {one['in_words']}" for one in told]


def test_an_export_of_everything_names_no_accounts(app: Flask, tmp_path: Path) -> None:
    make_tweets(make_twitter_user("tides"), ["one"])
    make_user("ann")
    db.session.rollback()
    made(tmp_path / "x", of(), packing="zip")
    assert json.loads((tmp_path / "x" / "export.json").read_text())["accounts"] == []


def test_a_suspended_account_has_no_button_that_calls_for_collecting(
    holed: TwitterUser, superuser: User, login_as: Callable[[User], FlaskClient]
) -> None:
    """D-44."""
    client = login_as(superuser)

    def buttons() -> dict[str, str]:
        shown = page(client, "/twitter-user/tides/").all("button")
        return {text_of(one): str(one.get("class")) for one in shown}

    assert "button-primary" in buttons()["Collect now"]
    holed.state = "suspended"
    db.session.commit()
    assert "button-primary" not in buttons()["Collect now"]
