from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from sfm.database import begin_write, db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem
from sfm.posts import queries, search_index
from sfm.posts.count_check import SLICE_POSTS, Difference, verify_counts, verify_in_slices
from sfm.posts.delete import delete_posts, delete_posts_of
from sfm.posts.selection import Selection
from sfm.runs import queue, shutdown
from sfm.runs.errors import Interrupted
from tests.posts.making import NOON, make_tweet, make_user, post, record, save

WORDS = ["flood", "harbour", "library", "東京都", "홍수"]


def full_count() -> dict[str, object]:
    """What the kept counts have to be, told by the posts alone."""
    days: dict[tuple[int, str], int] = {}
    totals: dict[str, int] = {}
    users: dict[int, list[object]] = {}
    for item in db.session.scalars(select(TwitterUserItem)):
        day = item.date_published.date().isoformat()
        days[item.twitter_user_id, day] = days.get((item.twitter_user_id, day), 0) + 1
        totals[day] = totals.get(day, 0) + 1
        users.setdefault(item.twitter_user_id, []).append(item.date_published)
    spans = {
        user.id: (
            len(users.get(user.id, [])),
            max(users.get(user.id, [None])),
            min(users.get(user.id, [None])),
        )  # type: ignore[type-var]
        for user in db.session.scalars(select(TwitterUser))
    }
    return {"days": days, "totals": totals, "users": spans}


def kept_counts() -> dict[str, object]:
    db.session.expire_all()
    return {
        "days": {
            (c.twitter_user_id, c.day.isoformat()): c.items
            for c in db.session.scalars(select(DayCount))
        },
        "totals": {
            total.day.isoformat(): total.items for total in db.session.scalars(select(DayTotal))
        },
        "users": {
            user.id: (user.items_count, user.newest_item_at, user.oldest_item_at)
            for user in db.session.scalars(select(TwitterUser))
        },
    }


def found_by_search(word: str) -> set[int]:
    page = queries.page(Selection(text=word), size=200)
    return {tweet.twitter_id for tweet in page.posts}


def held_with(word: str) -> set[int]:
    items = db.session.scalars(select(TwitterUserItem))
    return {item.twitter_id for item in items if word in item.item_text}


@pytest.mark.parametrize("seed", range(4))
def test_after_any_mixture_of_changes_counts_and_search_equal_a_full_count(
    app: Flask, seed: int
) -> None:
    dice = random.Random(seed)
    users = [make_user(f"user_{number}") for number in range(4)]
    by_uid = {user.uid: user.id for user in users}
    seen = []
    for _ in range(25):
        step = dice.random()
        ids = list(db.session.scalars(select(TwitterUserItem.twitter_id)))
        if step < 0.55:
            page = [
                record(
                    post(
                        dice.choice(users).uid or 0,
                        " ".join(dice.sample(WORDS, 2)),
                        at=NOON - timedelta(hours=dice.randint(0, 24 * 40)),
                    )
                )
                for _ in range(dice.randint(1, 12))
            ]
            seen += page
            save([*page, *dice.sample(seen, min(3, len(seen)))], by_uid)
        elif step < 0.75 and ids:
            begin_write()
            assert delete_posts([*dice.sample(ids, min(4, len(ids))), 12345]) == min(4, len(ids))
            db.session.commit()
        elif step < 0.85:
            begin_write()
            user = dice.choice(users).id
            held = queries.total(Selection(accounts=(user,))).number
            assert delete_posts_of(user) == held
            db.session.commit()
        else:
            renamed = dice.choice(users)
            renamed.name = f"renamed_{dice.randint(0, 999)}"
            db.session.commit()
        if step < 0.1:  # a run that ended badly
            begin_write()
            delete_posts(ids[:2])
            db.session.rollback()
    assert kept_counts() == full_count()
    for word in WORDS:
        assert found_by_search(word) == held_with(word)
    begin_write()
    assert verify_counts() == []
    for total in db.session.scalars(select(DayTotal)):
        day = Selection(from_day=total.day, to_day=total.day)
        assert len(queries.page(day, size=200).posts) == total.items


def test_wrong_counts_are_found_named_and_put_right(app: Flask) -> None:
    ann, bob = make_user("ann"), make_user("bob")
    for days in (0, 1, 1):
        make_tweet(ann, at=NOON - timedelta(days=days))
    today = NOON.date()
    db.session.execute(update(DayCount).where(DayCount.day == today).values(items=7))
    db.session.execute(update(DayTotal).where(DayTotal.day != today).values(lowest_id=2**62))
    db.session.execute(update(TwitterUser).where(TwitterUser.id == bob.id).values(items_count=9))
    db.session.add(DayCount(twitter_user_id=bob.id, day=today, items=1))
    db.session.commit()

    begin_write()
    looked = verify_counts(repair=False)
    begin_write()
    repaired = verify_counts()
    db.session.commit()

    assert looked == repaired
    assert {(one.where, one.kept, one.counted) for one in repaired} == {
        (f"account {ann.id} on {today}", 7, 1),
        (f"account {bob.id} on {today}", 1, 0),
        (f"all on {today - timedelta(days=1)}", 2, 2),
        (f"account {bob.id}", 9, 0),
    }
    assert kept_counts() == full_count()


def test_a_rollback_takes_counts_and_words_back(app: Flask) -> None:
    ann = make_user("ann")
    kept = make_tweet(ann, "flood")
    begin_write()
    delete_posts([kept])
    assert found_by_search("flood") == set()
    db.session.rollback()
    assert found_by_search("flood") == {kept}
    assert kept_counts() == full_count()


def test_deleting_while_the_index_is_made_anew_leaves_no_trace(app: Flask) -> None:
    ann = make_user("ann")
    made = [make_tweet(ann, "flood", at=NOON + timedelta(hours=hour)) for hour in range(3)]
    begin_write()
    search_index.begin_rebuild(db.session.connection())
    db.session.commit()
    later = make_tweet(ann, "flood", at=NOON + timedelta(days=1))
    assert found_by_search("flood") == {later}

    begin_write()
    delete_posts([made[0], later])
    db.session.commit()

    assert found_by_search("flood") == set()
    left = db.session.scalar(select(func.count()).select_from(TwitterUserItem))
    assert left == 2
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("INSERT INTO tweet_search(tweet_search) VALUES('integrity-check')"))


def test_others_write_while_counts_are_checked(app: Flask) -> None:
    """L-12: the check goes account by account, a short transaction each."""
    users = [make_user(name) for name in ("ann", "bob", "cid")]
    by_uid = {user.uid: user.id for user in users}
    for user in users:
        make_tweet(user)
    db.session.execute(update(TwitterUser).values(items_count=SLICE_POSTS))  # each a slice
    db.session.execute(update(DayTotal).values(items=9))
    db.session.commit()
    uids = [user.uid or 0 for user in users]
    saved: list[int] = []

    def another_saves() -> None:
        with app.app_context():
            posts = [record(post(uid, "flood", at=NOON - timedelta(days=1))) for uid in uids]
            saved.append(save(posts, by_uid).new)

    run = queue.start("check_counts")
    told: list[str] = []

    def tell(difference: Difference) -> None:
        told.append(difference.where)
        thread = threading.Thread(target=another_saves)
        thread.start()
        thread.join()

    with queue.finish(run):
        assert verify_in_slices(run, tell) == len(told) == 4
    assert saved == [3] * 4
    assert kept_counts() == full_count()


def test_a_check_that_is_asked_to_stop_keeps_what_it_corrected(app: Flask) -> None:
    for name in ("ann", "bob"):
        make_tweet(make_user(name))
    db.session.execute(update(TwitterUser).values(items_count=SLICE_POSTS))
    db.session.commit()
    run = queue.start("check_counts")
    try:
        with pytest.raises(Interrupted), queue.finish(run):
            verify_in_slices(run, lambda _difference: shutdown.request_stop())
    finally:
        shutdown.clear_stop()
    counts = select(TwitterUser.items_count).order_by(TwitterUser.id)
    assert list(db.session.scalars(counts)) == [1, SLICE_POSTS]
