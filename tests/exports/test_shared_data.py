"""All recorded posts go in and come out of every format, counted, equal where it can hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.exports.format import FORMATS
from sfm.models import TwitterUser, TwitterUserItem
from sfm.networks.page import PostRecord
from sfm.networks.record import Unreadable
from sfm.posts.store import save_page
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.to_v1 import as_v1_line
from sfm.twitter.parse.tweet import parse_line
from tests.exports.making import made
from tests.exports.test_build import ids_in

SAME_IN_V1 = (
    "twitter_id", "text", "kind", "is_retweet", "lang", "author_uid", "screen_name", "hashtags",
    "mentions", "urls", "followers_count", "friends_count", "like_count", "reply_count",
    "quote_count", "in_reply_to_id", "in_reply_to_uid", "retweeted_id", "quoted_id", "coordinates",
)  # fmt: skip


def recorded(shared_data: Path) -> Iterator[PostRecord]:
    for line in (shared_data / "v1_tweets.jsonl").read_bytes().splitlines():
        yield PostRecord(line, parse_line(line))
    for body in (shared_data / "v2_pages.jsonl").read_bytes().splitlines():
        try:
            yield from split_page(body).records
        except Unreadable:
            continue


@pytest.fixture
def held(app: Flask, shared_data: Path) -> list[TwitterUserItem]:
    """Every recorded post, kept under its author."""
    records = list(recorded(shared_data))
    begin_write()
    nobody = TwitterUser(uid=0, name="nobody")
    db.session.add(nobody)
    db.session.flush()
    for start in range(0, len(records), 500):
        save_page(records[start : start + 500], captured_by="import", run_id=None, owner=nobody.id)
    db.session.commit()
    found = db.session.scalars(select(TwitterUserItem).order_by(TwitterUserItem.twitter_id)).all()
    assert len(found) >= 1_650 + 1_000
    return list(found)


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["classic", "extended"])
def test_every_recorded_post_comes_out_of_every_format(
    held: list[TwitterUserItem], tmp_path: Path, columns: str
) -> None:
    ids = [item.twitter_id for item in held]
    lines = [item.item_json for item in held]
    db.session.rollback()
    for format, known in FORMATS.items():
        path = tmp_path / f"{columns}{known.suffix}"
        # ids_in looks where the classic columns stand
        product = made(path, format=format, columns=(columns,), keep_line_breaks=True)
        assert product.facts.rows_written == len(ids), format
        assert sorted(ids_in(path, format)) == ids, format
        if format == "json":
            assert path.read_bytes().decode().split("\n")[:-1] == lines


def test_v2_posts_in_the_shape_of_v1_1_say_the_same(shared_data: Path) -> None:
    counted = 0
    for record in recorded(shared_data):
        shaped = as_v1_line(record.raw)
        if shaped == record.raw:
            continue  # v1.1 already
        counted += 1
        before, after = record.post, parse_line(shaped)
        for name in SAME_IN_V1:
            assert getattr(after, name) == getattr(before, name), (name, before.twitter_id)
        assert json.loads(shaped)["id_str"] == str(before.twitter_id)
    assert counted >= 1_000
