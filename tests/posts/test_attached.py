"""Quotes' media, polls, articles, entities out of the text: kept, shown, exported, mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import update

from sfm.database import begin_write, db
from sfm.models import TwitterUserItem, User
from sfm.posts import queries
from sfm.posts.selection import Selection
from tests.exports.making import made, rows_of
from tests.pages import page
from tests.posts.making import make_tweet, make_user

LoginAs = Callable[[User], FlaskClient]
PICTURES = [
    {
        "media_key": f"3_{n}",
        "type": "photo",
        "url": f"https://img.example/{n}.jpg",
        "alt_text": text,
    }
    for n, text in enumerate(("a cat | a dog", "the cover", "within"))
]
QUOTED = {
    "id": "77", "text": "Quoted words", "author_id": "5", "attachments": {"media_keys": ["3_0"]}
}  # fmt: skip
POLL = {
    "id": "55", "end_datetime": "2026-11-20T13:00:00.000Z", "voting_status": "closed",
    "options": [
        {"position": 1, "label": "yes", "votes": 9},
        {"position": 2, "label": "no | never", "votes": 4},
    ],
}  # fmt: skip
ARTICLE = {
    "title": "On rivers", "plain_text": "Rivers run.", "cover_media": "3_1",
    "media_entities": ["3_2"],
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "includes": {"tweets": [QUOTED], "media": PICTURES, "polls": [POLL]},
    "referenced_tweets": [{"type": "quoted", "id": "77"}],
    "attachments": {"poll_ids": ["55"]},
    "article": ARTICLE,
}
EMPTY = {
    "quoted_media": [], "polls": [], "article_title": "", "article_text": "", "media": [],
    "has_media": False, "entities_from_text": False, "hashtags": [], "mentions": [], "urls": [],
}  # fmt: skip
TEXT = "Ask @oak_x about #rivers https://example.org/a"


def test_what_is_attached_is_shown_exported_and_mended(
    app: Flask, runner: FlaskCliRunner, login_as: LoginAs, reader: User, tmp_path: Path
) -> None:
    number = make_tweet(make_user("ann"), TEXT, **WHOLE)
    # As it was stored before these columns were filled.
    begin_write()
    is_it = TwitterUserItem.twitter_id == number
    db.session.execute(update(TwitterUserItem).where(is_it).values(EMPTY))
    db.session.commit()
    assert "1 changed" in runner.invoke(args=["refill_items"]).output

    show = page(login_as(reader), f"/twitter-item/{number}/", headers={"Accept": "text/html"}).text
    for text in ("Quoted words", "a cat | a dog", "the cover", "On rivers", "Rivers run."):
        assert text in show
    for text in ("Poll, ended 20 Nov 2026", "yes 9", "no | never 4", "read from its text"):
        assert text in show
    (post,) = queries.page(Selection(text="#rivers")).posts
    assert post.twitter_id == number
    db.session.rollback()

    made(tmp_path / "all.csv", columns=("extended",))
    (row,) = rows_of(tmp_path / "all.csv")
    expected = {
        "entities_from_text": "True",
        "has_media": "True",
        "urls": "https://example.org/a",
        "media_urls": "https://img.example/1.jpg https://img.example/2.jpg",
        "quoted_media_types": "photo",
        "quoted_media_urls": "https://img.example/0.jpg",
        "poll_options": "yes | no \\| never",
        "poll_votes": "9 | 4",
        "poll_ends_at": "2026-11-20T13:00:00Z",
        "poll_status": "closed",
        "article_title": "On rivers",
        "article_text": "Rivers run.",
    }
    assert {name: row[name] for name in expected} == expected
