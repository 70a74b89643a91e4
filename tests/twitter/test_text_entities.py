"""Where a payload has no entities at all, they are read from the text, and marked."""

from __future__ import annotations

from typing import Any

import pytest

from sfm.twitter.parse.entities import entities
from sfm.twitter.parse.text_entities import read_entities
from sfm.twitter.parse.to_v1 import as_v1_line
from sfm.twitter.parse.tweet import parse_line
from tests.twitter.tweets import as_line, v1_tweet, v2_post, v2_user


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@oak says #example https://example.org/a", ["@oak", "#example", "https://example.org/a"]),
        ("RT@bob: see (http://bit.ly/x?a=1). #1", ["@bob", "http://bit.ly/x?a=1"]),
        (".@ann, @bob’s #café", ["@ann", "@bob", "#café"]),
        ("#हिन्दी #東京オリンピック #мир", ["#हिन्दी", "#東京オリンピック", "#мир"]),
        ("me@example.org @a@b @toolong_toolong_toolong &#39; a#b #a#b #️⃣", []),
        ("http://example.org/d_(e)", ["http://example.org/d_(e)"]),
        ("https://t.co/abc。続く", ["https://t.co/abc"]),
        ("http://example.org/@ann/#top, http://nowhere", ["http://example.org/@ann/#top"]),
        ("cut off #tag…", []),
        ("cut off https://t.co/ab…", []),
        ("cut off @nam…", []),
    ],
)
def test_what_stands_in_a_text(text: str, names: list[str]) -> None:
    signs = {"mention": "@", "hashtag": "#", "url": ""}
    assert [signs[entity.kind] + entity.name for entity in read_entities(text)] == names
    for entity in read_entities(text):
        assert text[entity.start : entity.end].endswith(entity.name)


TEXT = "R&amp;D of @oak_x #Example http://example.org/?a=1&amp;b=2"
WITHOUT: list[dict[str, Any]] = [
    {key: value for key, value in v1_tweet(text=TEXT).items() if key != "entities"},
    v1_tweet(text=TEXT, entities=None),
    {"data": v2_post(text=TEXT), "includes": {"users": [v2_user()]}},
    v2_post(text=TEXT),
]


@pytest.mark.parametrize("payload", WITHOUT)
def test_without_entities_they_are_read_from_the_text_and_marked(payload: dict[str, Any]) -> None:
    line = as_line(payload)
    post = parse_line(line)
    assert post.entities_from_text
    assert (post.mentions, post.hashtags) == (("oak_x",), ("Example",))
    assert [link.expanded_url for link in post.urls] == ["http://example.org/?a=1&b=2"]
    kinds = [piece.kind for piece in entities(line).segments if piece.kind != "plain"]
    assert kinds == ["mention", "hashtag", "url"]
    assert parse_line(as_v1_line(line)).mentions == ("oak_x",)


@pytest.mark.parametrize(
    "payload",
    [v1_tweet(text=TEXT, entities={}), v2_post(text=TEXT, entities={}), v2_post(text="plain")],
)
def test_an_empty_object_is_twitters_word(payload: dict[str, Any]) -> None:
    post = parse_line(as_line(payload))
    assert not post.entities_from_text
    assert (post.mentions, post.hashtags, post.urls) == ((), (), ())


def test_a_retweets_original_is_read_by_itself() -> None:
    original = v2_post(text="over #there")
    retweet = v2_post(
        1900000000000000002, "RT @ann_x: over #th…", author_id="102", entities={},
        referenced_tweets=[{"type": "retweeted", "id": "1900000000000000001"}],
    )  # fmt: skip
    whole = {"data": retweet, "includes": {"users": [v2_user()], "tweets": [original]}}
    post = parse_line(as_line(whole))
    assert (post.hashtags, post.entities_from_text) == (("there",), True)
