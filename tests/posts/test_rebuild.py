from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select, text, update

from sfm.database import begin_write, db
from sfm.models import TwitterUserItem
from sfm.posts import queries, rebuild, search_index, tokenizer
from sfm.posts.count_check import verify_counts
from sfm.posts.selection import Selection
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.runs.jobs import REFILL_ITEMS
from tests.posts.making import NOON, make_tweet, make_user


def row(twitter_id: int) -> dict[str, object]:
    db.session.rollback()
    item = queries.by_twitter_id(twitter_id, with_json=True)
    return {column.key: getattr(item, column.key) for column in TwitterUserItem.__table__.c}


def found(typed: str) -> set[int]:
    db.session.rollback()
    return {tweet.twitter_id for tweet in queries.page(Selection(text=typed)).posts}


def test_columns_and_words_are_made_anew_from_the_json(app: Flask, runner: FlaskCliRunner) -> None:
    ann = make_user("ann")
    one = make_tweet(ann, "Flood warning", lang="en", entities={"hashtags": [{"tag": "Flood"}]})
    two = make_tweet(ann, "Other", at=NOON + timedelta(hours=1))
    before = row(one), row(two)
    begin_write()
    wrong = {"item_text": "Flood warning", "lang": "xx", "hashtags": [], "kind": "quote"}
    db.session.execute(
        update(TwitterUserItem).where(TwitterUserItem.twitter_id == one).values(wrong)
    )
    db.session.commit()

    done = runner.invoke(args=["refill_items"])

    assert "2 posts looked at, 1 changed, 0 unreadable." in done.output, done.output
    assert (row(one), row(two)) == before
    assert found("#flood") == {one}
    assert verify_counts(repair=False) == []
    assert "0 changed" in runner.invoke(args=["refill-items"]).output


def test_rules_of_another_version_make_the_index_anew(
    app: Flask, runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_user("ann")
    made = {make_tweet(ann, "flood", at=NOON + timedelta(hours=hour)) for hour in range(7)}
    monkeypatch.setattr(tokenizer, "VERSION", tokenizer.VERSION + 1)

    runner.invoke(args=["refill_items"])

    assert found("flood") == made
    state = search_index.state(db.session.connection())
    assert state == (tokenizer.VERSION, None, None)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_it_goes_on_where_it_was_cut_off(
    app: Flask, runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_user("ann")
    made = {make_tweet(ann, "flood", at=NOON + timedelta(hours=hour)) for hour in range(9)}
    monkeypatch.setattr(rebuild, "BATCH", 2)
    monkeypatch.setattr(tokenizer, "VERSION", tokenizer.VERSION + 1)
    calls = 0

    class CutOff(RunContext):
        def check(self) -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise Killed

    def cut_off() -> None:
        run = queue.start(REFILL_ITEMS, {})
        run.__class__ = CutOff
        with queue.finish(run):
            rebuild.refill(run)

    with pytest.raises(Killed):
        cut_off()
    assert len(found("flood")) == 4

    done = runner.invoke(args=["refill_items"])

    assert "5 posts looked at" in done.output, done.output
    assert found("flood") == made


def test_json_that_cannot_be_read_any_more_is_counted_and_left(
    app: Flask, runner: FlaskCliRunner
) -> None:
    one = make_tweet(make_user("ann"), "flood")
    begin_write()
    db.session.execute(text("UPDATE twitter_user_item SET item_json = 'x'"))
    db.session.commit()
    done = runner.invoke(args=["refill_items"])
    assert "1 unreadable" in done.output
    assert found("flood") == {one}
    assert db.session.scalar(select(TwitterUserItem.item_json)) == "x"


def test_check_counts_says_what_it_put_right(app: Flask, runner: FlaskCliRunner) -> None:
    ann = make_user("ann")
    make_tweet(ann)
    assert "All counts are right." in runner.invoke(args=["check_counts"]).output
    begin_write()
    db.session.execute(text("UPDATE twitter_user SET items_count = 5"))
    db.session.commit()
    done = runner.invoke(args=["check-counts"])
    assert f"account {ann.id}: 5 was kept, 1 is right" in done.output
    assert "1 count put right." in done.output
