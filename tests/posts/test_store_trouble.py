"""Trouble that is no post's own fault stops the saving, and leaves nothing half done."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from sfm.database import begin_write, db
from sfm.models import DayTotal, TwitterUserItem
from sfm.posts import queries
from sfm.posts.count_check import verify_counts
from sfm.posts.selection import Selection
from sfm.posts.store import save_page
from tests.posts.making import make_tweet, make_user, post, record, save


@pytest.mark.parametrize("database_kind", ["sqlite"])  # PostgreSQL has no such switch
def test_a_full_disk_is_raised_and_nothing_is_half_saved(app: Flask) -> None:
    ann = make_user("ann", uid=101)
    kept = make_tweet(ann, "before")
    pages = db.session.scalar(text("PRAGMA page_count"))
    db.session.execute(text(f"PRAGMA max_page_count = {pages}"))
    begin_write()
    large = [record(post(101, "x" * 3000)) for _ in range(200)]

    with pytest.raises(OperationalError, match="full"):
        save_page(large, captured_by="timeline", run_id=None, owner=ann.id)
    db.session.rollback()

    db.session.execute(text("PRAGMA max_page_count = 1000000"))
    assert db.session.scalars(select(TwitterUserItem.twitter_id)).all() == [kept]
    assert db.session.scalar(select(func.sum(DayTotal.items))) == 1
    assert save(large, ann.id).new == 200
    begin_write()
    assert verify_counts(repair=False) == []
    assert db.session.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_two_savers_at_once_keep_every_post_once_and_true_counts(app: Flask) -> None:
    ann = make_user("ann", uid=101)
    pages = [[record(post(101, f"page {page}")) for _ in range(20)] for page in range(8)]
    user_id = ann.id
    db.session.rollback()
    trouble: list[BaseException] = []

    def work(mine: list[list[object]]) -> None:
        with app.app_context():
            try:
                for page in mine:
                    save(page, user_id)  # type: ignore[arg-type]
            except BaseException as exc:
                trouble.append(exc)
            finally:
                db.session.remove()

    threads = [
        threading.Thread(target=work, args=(order,)) for order in (pages, pages[::-1], pages[2:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert trouble == []
    assert queries.total() == queries.Count(160)
    assert len(queries.page(Selection(text="page"), size=200).posts) == 160
    begin_write()
    assert verify_counts(repair=False) == []
