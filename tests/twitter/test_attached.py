"""Media, polls and articles: what came along is kept, and what did not come is not denied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sfm.networks.record import Poll, PollOption, Post
from sfm.twitter.parse.entities import referenced
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.to_v1 import as_v1_line
from sfm.twitter.parse.tweet import parse_line
from tests.twitter.tweets import as_line, in_post_words, v1_rich, v1_tweet, v2_post, v2_user

PICTURE = {
    "media_key": "3_1", "type": "photo", "url": "https://img.example/p.jpg", "alt_text": "A | river"
}  # fmt: skip
LINK = {
    "start": 5, "end": 21, "url": "https://t.co/pic", "media_key": "3_1",
    "expanded_url": "https://x.com/ann_x/status/1900000000000000001/photo/1",
}  # fmt: skip


def read(payload: Any) -> Post:
    return parse_line(as_line(payload))


def with_picture(**more: Any) -> dict[str, Any]:
    attached = {"attachments": {"media_keys": ["3_1"]}, "entities": {"urls": [LINK]}}
    return v2_post(text="look https://t.co/pic", **attached, **more)


def retweet(kind: str = "retweeted") -> dict[str, Any]:
    return v2_post(
        1900000000000000002, "RT @ann_x: look https://t.co/pic", author_id="102",
        referenced_tweets=[{"type": kind, "id": "1900000000000000001"}],
    )  # fmt: skip


def test_a_retweets_picture_that_did_not_come_is_a_link_and_not_denied() -> None:
    includes = {"users": [v2_user()], "tweets": [with_picture()]}
    post = read({"data": retweet(), "includes": includes})
    assert post.has_media
    assert post.media == ()
    assert [link.url for link in post.urls] == ["https://t.co/pic"]


def test_four_pictures_that_did_not_come_are_one_link() -> None:
    links = [{**LINK, "media_key": f"3_{number}"} for number in range(4)]
    post = read({"data": v2_post(entities={"urls": links})})
    assert post.has_media
    assert [link.url for link in post.urls] == ["https://t.co/pic"]


def test_attachments_alone_say_that_there_is_a_picture() -> None:
    data = v2_post(attachments={"media_keys": ["3_1"]}, entities={})
    post = read({"data": data})
    assert (post.has_media, post.media, post.urls) == (True, (), ())
    assert len(read({"data": data, "includes": {"media": [PICTURE]}}).media) == 1


def test_a_retweets_picture_that_came_is_its_medium_and_no_link() -> None:
    includes = {"users": [v2_user()], "tweets": [with_picture()], "media": [PICTURE]}
    body = as_line({"data": [retweet()], "includes": includes, "meta": {"result_count": 1}})
    (record,) = split_page(body).records
    post = parse_line(record.raw)
    assert [item.url for item in post.media] == ["https://img.example/p.jpg"]
    assert (post.has_media, post.urls) == (True, ())


def test_a_quotes_picture_is_kept_beside_its_text() -> None:
    includes = {"users": [v2_user()], "tweets": [with_picture()], "media": [PICTURE]}
    line = as_line({"data": retweet("quoted"), "includes": includes})
    post = parse_line(line)
    assert (post.media, post.has_media) == ((), False)
    assert [item.alt_text for item in post.quoted_media] == ["A | river"]
    (quoted,) = [ref.tweet for ref in referenced(line) if ref.kind == "quoted"]
    assert quoted is not None
    assert quoted.media == post.quoted_media


def test_an_old_quotes_picture_is_kept_too() -> None:
    old = v1_tweet(quoted_status=v1_rich()["retweeted_status"], quoted_status_id_str="5")
    assert [item.type for item in read(old).quoted_media] == ["photo", "video"]


POLL = {
    "id": "55", "duration_minutes": 60, "end_datetime": "2026-11-20T11:00:00.000Z",
    "voting_status": "closed",
    "options": [
        {"position": 2, "label": "no", "votes": 4}, {"position": 1, "label": "yes", "votes": 9}
    ],
}  # fmt: skip


def test_a_poll_is_read_with_its_votes() -> None:
    post = v2_post(attachments={"poll_ids": ["55"]})
    expected = Poll(
        options=(PollOption("yes", 9), PollOption("no", 4)),
        ends_at=datetime(2026, 11, 20, 11, tzinfo=UTC),
        duration_minutes=60,
        status="closed",
    )
    assert read({"data": post, "includes": {"polls": [POLL]}}).polls == (expected,)
    flattened = v2_post(attachments={"poll_ids": ["55"], "poll": POLL})
    assert read(flattened).polls == (expected,)
    old = v1_tweet(
        entities={"polls": [{"options": [{"position": 1, "text": "yes"}], "duration_minutes": 60}]}
    )
    assert read(old).polls == (Poll(options=(PollOption("yes"),), duration_minutes=60),)


ARTICLE = {
    "title": "On rivers", "preview_text": "Rivers…", "plain_text": "Rivers run.",
    "cover_media": "3_1", "media_entities": ["3_2"],
}  # fmt: skip


def test_an_article_is_read_with_its_pictures() -> None:
    data = v2_post(article=ARTICLE)
    media = [PICTURE, {**PICTURE, "media_key": "3_2", "url": "https://img.example/2.jpg"}]
    for payload in ({"data": data, "includes": {"media": media}},):
        for post in (read(payload), read(in_post_words(payload))):
            assert (post.article_title, post.article_text) == ("On rivers", "Rivers run.")
            assert [item.url for item in post.media] == [item["url"] for item in media]
    assert read(v2_post(article_title="On rivers")).article_title == "On rivers"
    assert read(v2_post(article={**ARTICLE, "plain_text": None})).article_text == "Rivers…"


def test_the_older_shape_keeps_the_link_of_a_picture_that_did_not_come() -> None:
    line = as_line({"data": with_picture()})
    assert parse_line(as_v1_line(line)).urls[0].url == "https://t.co/pic"
