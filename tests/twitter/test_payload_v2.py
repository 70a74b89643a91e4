"""v2 posts in tweet words, in post words and in twarc's flattened form."""

from datetime import UTC, datetime

import pytest

from sfm.networks.record import Media, Unreadable, Url, Withheld
from sfm.twitter.parse.tweet import parse_line, parse_user
from tests.twitter.tweets import (
    LONG,
    as_line,
    in_post_words,
    v2_includes,
    v2_long,
    v2_post,
    v2_record,
    v2_retweet,
    v2_user,
)


def read(payload):
    return parse_line(as_line(payload))


def as_is(payload):
    return payload


both_vocabularies = pytest.mark.parametrize("words", [as_is, in_post_words])


@both_vocabularies
def test_a_long_post_fills_the_record(words):
    tweet = read(words(v2_record()))
    assert tweet.twitter_id == 1900000000000000001
    assert tweet.created_at == datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)
    assert tweet.text == LONG.replace("&amp;", "&")
    assert (tweet.kind, tweet.text_is_cut) == ("post", False)
    assert (tweet.author_uid, tweet.screen_name) == (101, "ann_x")
    assert (tweet.followers_count, tweet.friends_count) == (10, 20)
    assert (tweet.statuses_count, tweet.listed_count) == (30, 4)
    assert (tweet.retweet_count, tweet.like_count, tweet.reply_count) == (2, 3, 1)
    assert (tweet.bookmark_count, tweet.impression_count) == (6, 40)
    assert tweet.hashtags == ("Flood",)
    assert tweet.mentions == ("bob_x",)
    assert tweet.edit_history_ids == (1900000000000000001,)
    assert tweet.withheld == Withheld(("DE",), False, "tweet")
    assert tweet.source is None


def test_media_links_are_media_and_not_links():
    tweet = read(v2_record())
    assert tweet.urls == (
        Url("https://t.co/aaa", "https://example.org/a", "example.org/a",
            "https://example.org/final"),
    )  # fmt: skip
    assert tweet.media == (
        Media("video", "https://v.example/s", "https://img.example/p.jpg", "A river", "", 640, 480,
              4000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expanded", "is_link"),
    [
        ("https://x.com/a/status/1/photo/1", False),
        ("https://twitter.com/a/status/1/video/1", False),
        ("https://x.com/a/status/1", True),
        ("https://example.org/a/status/1/photo/1", True),
        ("https://x.com.evil.example/a/status/1/photo/1", True),
    ],
)
def test_media_links_without_a_key_are_known_by_their_address(expanded, is_link):
    link = {"start": 0, "end": 5, "url": "https://t.co/a", "expanded_url": expanded}
    post = v2_post(entities={"urls": [link]}, attachments={"media_keys": ["3_1"]})
    includes = {"media": [{"media_key": "3_1", "type": "photo", "url": "https://img.example/p"}]}
    assert bool(read({"data": post, "includes": includes}).urls) is is_link


def test_place_and_coordinates():
    tweet = read(v2_record())
    assert tweet.coordinates == (-90.1, 39.7)
    assert (tweet.place_name, tweet.place_country_code) == ("Springfield, USA", "US")


@both_vocabularies
def test_a_retweet_is_rebuilt_from_what_came_along(words):
    tweet = read(words(v2_retweet()))
    assert tweet.kind == "retweet"
    assert tweet.is_retweet_strict
    assert tweet.text == "RT @ann_x: " + LONG.replace("&amp;", "&")
    assert tweet.hashtags == ("Flood",)
    assert tweet.mentions == ("ann_x", "bob_x")
    assert (tweet.retweeted_id, tweet.retweeted_uid) == (1900000000000000001, 101)
    assert tweet.retweeted_screen_name == "ann_x"
    assert tweet.retweet_count == 2
    assert tweet.like_count == 0
    assert len(tweet.media) == 1


def test_a_retweet_of_something_gone_keeps_its_own_words_and_says_it_is_cut():
    payload = v2_retweet()
    payload["includes"] = {"users": [v2_user(102, "bob_x")]}
    tweet = read(payload)
    assert tweet.text == "RT @ann_x: Long note & all #Flood…"
    assert tweet.text_is_cut
    assert tweet.retweeted_id == 1900000000000000001


def test_a_retweet_whose_author_is_missing_takes_the_name_from_its_words():
    payload = v2_retweet()
    payload["includes"]["users"] = []
    tweet = read(payload)
    assert tweet.text == "RT @ann_x: " + LONG.replace("&amp;", "&")
    assert tweet.screen_name is None
    assert tweet.author_uid == 102


def test_a_reply_names_whom_it_answers():
    reply = v2_post(
        in_reply_to_user_id="102",
        referenced_tweets=[{"type": "replied_to", "id": "55"}],
    )
    tweet = read({"data": reply, "includes": v2_includes()})
    assert (tweet.kind, tweet.in_reply_to_id, tweet.in_reply_to_uid) == ("reply", 55, 102)
    assert tweet.in_reply_to_screen_name == "bob_x"


def test_a_reply_finds_the_name_among_the_mentions():
    mention = {"start": 0, "end": 6, "username": "dee_x", "id": "104"}
    reply = v2_post(in_reply_to_user_id="104", entities={"mentions": [mention]})
    assert read({"data": reply}).in_reply_to_screen_name == "dee_x"


def test_a_quote_has_its_id_and_words():
    quote = v2_post(5, referenced_tweets=[{"type": "quoted", "id": "1900000000000000001"}])
    tweet = read({"data": quote, "includes": v2_includes() | {"tweets": [v2_long()]}})
    assert (tweet.kind, tweet.quoted_id) == ("quote", 1900000000000000001)
    assert tweet.quoted_text == LONG.replace("&amp;", "&")


def test_twarcs_flattened_form_reads_the_same():
    record = v2_record()
    flat = record["data"] | {
        "author": record["includes"]["users"][0],
        "__twarc": {"version": "2"},
        "geo": record["data"]["geo"] | record["includes"]["places"][0],
    }
    attached = {"media": record["includes"]["media"], "poll": record["includes"]["polls"][0]}
    flat["attachments"] = flat["attachments"] | attached
    assert read(flat) == read(record)


def test_twarcs_flattened_retweet_reads_the_same():
    record = v2_retweet()
    users = {user["id"]: user for user in record["includes"]["users"]}
    original = dict(record["includes"]["tweets"][0])
    original["author"] = users["101"]
    attached = {"media": record["includes"]["media"], "poll": record["includes"]["polls"][0]}
    original["attachments"] = original["attachments"] | attached
    flat = record["data"] | {
        "author": users["102"],
        "referenced_tweets": [{"type": "retweeted", **original}],
    }
    assert read(flat) == read(record)


def test_the_order_of_keys_does_not_matter():
    record = v2_record()
    assert read(dict(reversed(record.items()))) == read(record)


@pytest.mark.parametrize("big", [2**63, 10**25])
def test_ids_that_no_database_holds_are_refused_by_name(big):
    with pytest.raises(Unreadable) as why:
        read({"data": v2_post(big)})
    assert why.value.reason == "id_too_large"


def test_other_ids_too_large_are_none():
    tweet = read({"data": v2_post(author_id=str(2**63), conversation_id="9" * 25)})
    assert (tweet.author_uid, tweet.conversation_id) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [
        {"data": v2_user()},
        {"data": {"id": "1", "state": "live"}},
        {"data": [v2_post()]},
        {"data": None},
        {"errors": [{"title": "operational-disconnect"}]},
        {"meta": {"result_count": 0}},
    ],
)
def test_what_is_no_post_is_refused(payload):
    with pytest.raises(Unreadable) as why:
        read(payload)
    assert why.value.reason == "not_a_post"


@both_vocabularies
def test_accounts_are_read_with_their_raw_bytes(words):
    raw = as_line(words(v2_user(location="Springfield", withheld={"country_codes": ["DE"]})))
    user = parse_user(raw)
    assert (user.uid, user.name, user.verified) == (101, "ann_x", True)
    assert (user.friends_count, user.statuses_count) == (20, 30)
    assert user.created_at == datetime(2009, 4, 17, 15, 2, 17, tzinfo=UTC)
    assert user.withheld == Withheld(("DE",))
    assert user.raw == raw


@pytest.mark.parametrize(
    "payload", [{}, {"id": "5"}, {"username": "a"}, {"id": "x", "username": "a"}]
)
def test_an_account_needs_id_and_name(payload):
    with pytest.raises(Unreadable):
        parse_user(as_line(payload))
