from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from flask import Flask
from sqlalchemy import func, select

from sfm.database import begin_write, db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem
from sfm.networks.page import PostRecord
from sfm.posts.store import save_page
from sfm.twitter.parse.tweet import parse_line
from tests.conftest import FrozenClock
from tests.posts.making import NOON, make_user, post, record, save, tweet_id


def held() -> list[TwitterUserItem]:
    return list(db.session.scalars(select(TwitterUserItem).order_by(TwitterUserItem.twitter_id)))


def test_new_posts_come_in_with_their_columns(app: Flask, clock: FrozenClock) -> None:
    user = make_user("ann_x", uid=101)
    made = record(
        post(
            101,
            "Long note begins #Flood",
            lang="en",
            conversation_id="7",
            public_metrics={"retweet_count": 2, "like_count": 3, "reply_count": 0},
            entities={"hashtags": [{"start": 17, "end": 23, "tag": "Flood"}]},
        )
    )

    saved = save([made], user.id)

    assert (saved.new, saved.known, saved.new_ids) == (1, 0, (made.post.twitter_id,))
    item = held()[0]
    assert item.item_json == made.raw.decode()
    assert (item.item_text, item.hashtags) == ("Long note begins #Flood", ["Flood"])
    assert (item.date_published, item.month) == (NOON, 202611)
    assert (item.captured_at, item.captured_by) == (clock.now(), "timeline")
    assert (item.screen_name, item.author_uid, item.twitter_user_id) == ("ann_x", 101, user.id)
    assert (item.retweet_count, item.like_count, item.quote_count) == (2, 3, None)
    assert (item.kind, item.lang, item.has_link, item.has_media) == ("post", "en", False, False)
    assert item.conversation_id == 7


def test_a_post_met_again_changes_nothing(app: Flask) -> None:
    user = make_user("ann_x", uid=101)
    first = post(101, "As it was", twitter_id=tweet_id(NOON), public_metrics={"like_count": 1})
    again = post(101, "Edited", twitter_id=tweet_id(NOON), public_metrics={"like_count": 999})
    save([record(first)], user.id)
    before = {column.key: getattr(held()[0], column.key) for column in TwitterUserItem.__table__.c}

    saved = save([record(again), record(post(101, "New"))], user.id, captured_by="import")

    assert (saved.new, saved.known) == (1, 1)
    item = db.session.scalar(select(TwitterUserItem).where(TwitterUserItem.id == before["id"]))
    assert {name: getattr(item, name) for name in before} == before
    assert db.session.get(TwitterUser, user.id).items_count == 2  # type: ignore[union-attr]


def test_a_post_twice_on_one_page_is_kept_once(app: Flask) -> None:
    user = make_user(uid=101)
    one = record(post(101))

    saved = save([one, one, one], user.id)

    assert (saved.new, saved.known, len(held())) == (1, 2, 1)
    assert db.session.scalar(select(func.sum(DayCount.items))) == 1


def test_posts_go_to_the_account_of_their_author_and_strangers_are_named(app: Flask) -> None:
    ann, bob = make_user(uid=101), make_user(uid=102)
    records = [record(post(uid)) for uid in (101, 102, 102, 999)]

    saved = save(records, {101: ann.id, 102: bob.id})

    assert (saved.new, saved.unowned) == (3, (999,))
    owners = [item.twitter_user_id for item in held()]
    assert sorted(owners) == sorted([ann.id, bob.id, bob.id])


def test_counts_of_days_and_accounts_grow_with_the_page(app: Flask) -> None:
    ann, bob = make_user(uid=101), make_user(uid=102)
    late = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    page = [
        record(post(101, at=NOON)),
        record(post(101, at=late)),
        record(post(101, at=late + timedelta(seconds=1))),
        record(post(102, at=NOON)),
    ]

    save(page[:2], {101: ann.id, 102: bob.id})
    save(page, {101: ann.id, 102: bob.id})

    days = db.session.execute(
        select(DayCount.twitter_user_id, DayCount.day, DayCount.items).order_by(
            DayCount.twitter_user_id, DayCount.day
        )
    ).all()
    twentieth, next_day = date(2026, 11, 20), date(2026, 11, 21)
    assert days == [(ann.id, twentieth, 2), (ann.id, next_day, 1), (bob.id, twentieth, 1)]
    totals = {total.day: total for total in db.session.scalars(select(DayTotal))}
    assert {day: total.items for day, total in totals.items()} == {twentieth: 3, next_day: 1}
    assert totals[twentieth].lowest_id == min(page[0].post.twitter_id, page[3].post.twitter_id)
    assert totals[twentieth].highest_id == page[1].post.twitter_id
    db.session.refresh(ann)
    assert (ann.items_count, ann.oldest_item_at) == (3, NOON)
    assert ann.newest_item_at == late + timedelta(seconds=1)


def test_nothing_stays_without_the_callers_commit(app: Flask) -> None:
    user = make_user(uid=101)
    begin_write()
    assert save_page([record(post(101))], captured_by="timeline", run_id=None, owner=user.id).new
    db.session.rollback()

    assert held() == []
    assert db.session.scalar(select(func.count()).select_from(DayCount)) == 0
    assert db.session.get(TwitterUser, user.id).items_count == 0  # type: ignore[union-attr]


V1 = (
    b'{"created_at":"Wed Oct 10 20:19:24 +0000 2018","id":1050118621198921728,'
    b'"id_str":"1050118621198921728","text":"a \\ud83d \\u0000 b","user":{"id":101,'
    b'"id_str":"101","screen_name":"ann_x","name":"A\\u0000nn","followers_count":%d}}'
)


def test_lone_surrogates_and_nul_are_cleaned_in_the_columns_and_kept_in_the_json(
    app: Flask,
) -> None:
    user = make_user(uid=101)
    raw = V1 % 7
    assert save([PostRecord(raw, parse_line(raw))], user.id).new == 1

    item = held()[0]
    assert item.item_text == "a \ufffd \ufffd b"
    assert item.author_name == "A\ufffdnn"
    assert item.item_json == raw.decode()


@pytest.mark.parametrize("silly", [2**63, 10**30, -(10**30)])
def test_a_figure_that_no_database_holds_is_left_out(app: Flask, silly: int) -> None:
    user = make_user(uid=101)
    raw = V1 % silly
    assert save([PostRecord(raw, parse_line(raw))], user.id).new == 1
    assert held()[0].followers_count is None


def test_a_post_without_any_date_is_refused_by_name_and_the_page_goes_on(app: Flask) -> None:
    user = make_user(uid=101)
    dateless = post(101, twitter_id=20)
    dateless["data"]["created_at"] = "yesterday"

    saved = save([record(post(101)), record(dateless), record(post(101))], user.id)

    assert saved.new == 2
    assert [(one.position, one.twitter_id) for one in saved.rejected] == [(1, 20)]
    assert "date" in saved.rejected[0].reason


def test_one_poisoned_post_of_a_page_is_refused_alone(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """The id here is one that the adapter would never let through."""
    user = make_user(uid=101)
    good = [record(post(101)) for _ in range(20)]
    poisoned = record(post(101))
    poisoned = PostRecord(poisoned.raw, msgspec.structs.replace(poisoned.post, quoted_id=2**70))
    caplog.set_level(logging.WARNING)

    saved = save([*good[:7], poisoned, *good[7:]], user.id)

    assert "page refused as a whole" in caplog.text
    assert saved.new == 20
    assert [one.position for one in saved.rejected] == [7]
    assert db.session.scalar(select(func.sum(DayTotal.items))) == 20
    assert db.session.get(TwitterUser, user.id).items_count == 20  # type: ignore[union-attr]


def test_pages_larger_than_one_statement_come_in_whole(app: Flask) -> None:
    user = make_user(uid=101)
    records = [record(post(101, f"number {number}")) for number in range(1203)]

    assert save(records, user.id).new == 1203
    assert save(records, user.id).known == 1203
    assert db.session.scalar(select(func.count()).select_from(TwitterUserItem)) == 1203


def test_the_json_is_stored_byte_for_byte(app: Flask) -> None:
    user = make_user(uid=101)
    odd = (
        '{ "created_at" : "Wed Oct 10 20:19:24 +0000 2018",\t"id_str":"7","text":"x","z":1.50 , '
        '"user":{"id_str":"101","screen_name":"a"}}'
    )
    save([PostRecord(odd.encode(), parse_line(odd.encode()))], user.id)
    assert held()[0].item_json == odd
    assert json.loads(held()[0].item_json)["z"] == 1.5
