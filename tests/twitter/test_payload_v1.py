"""v1.1 tweets, as old archives hold them, read into the typed record."""

from datetime import UTC, datetime

import pytest

from sfm.networks.record import Media, Unreadable, Url, Withheld
from sfm.twitter.parse.tweet import parse_line, parse_user
from tests.twitter.tweets import CREATED_V1, as_line, v1_rich, v1_tweet, v1_user


def read(payload):
    return parse_line(as_line(payload))


def test_a_plain_tweet_fills_the_record():
    tweet = read(v1_tweet())
    assert tweet.twitter_id == 1050118621198921728
    assert tweet.created_at == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
    assert not tweet.created_at_from_id
    assert (tweet.text, tweet.kind, tweet.lang) == ("Hello", "post", "en")
    assert (tweet.author_uid, tweet.screen_name, tweet.author_name) == (
        101,
        "Ann_X",
        "Ann_X Example",
    )
    assert (tweet.followers_count, tweet.friends_count) == (10, 20)
    assert (tweet.statuses_count, tweet.listed_count) == (30, 4)
    assert tweet.author_created_at == datetime(2009, 4, 17, 15, 2, 17, tzinfo=UTC)
    assert (tweet.retweet_count, tweet.like_count, tweet.reply_count) == (3, 5, None)
    assert tweet.source == "Example & App"


def test_a_retweet_is_rebuilt_from_the_original():
    tweet = read(v1_rich())
    assert tweet.kind == "retweet"
    assert tweet.is_retweet_strict
    assert tweet.text == (
        "RT @Bob_X: Long & full #Flood https://t.co/aaa for @bob_x $CASH https://t.co/pic"
    )
    assert not tweet.text_is_cut
    assert tweet.hashtags == ("Flood",)
    assert tweet.mentions == ("Bob_X", "bob_x")
    assert tweet.urls == (
        Url("https://t.co/aaa", "https://example.org/a", "example.org/a",
            "https://example.org/final"),
    )  # fmt: skip
    assert (tweet.retweeted_id, tweet.retweeted_uid) == (1050118621198921700, 102)
    assert tweet.retweeted_screen_name == "Bob_X"
    assert (tweet.quoted_id, tweet.quoted_text) == (77, "Quoted words")


def test_media_are_all_and_of_the_right_kind():
    page = "https://twitter.com/Bob_X/status/1050118621198921700/photo/1"
    assert read(v1_rich()).media == (
        Media("photo", "https://img.example/p.jpg", "https://img.example/p.jpg", "A river", page),
        Media("video", "https://v.example/l.mp4", "https://img.example/p.jpg", "A river", page,
              duration_ms=4000),
    )  # fmt: skip


def test_place_coordinates_and_withholding_are_read():
    tweet = read(v1_rich())
    assert tweet.coordinates == (-90.1, 39.7)
    assert (tweet.place_name, tweet.place_country_code) == ("Springfield, USA", "US")
    assert tweet.withheld == Withheld(("DE", "XY"), True, "status")


def test_the_old_geo_field_has_latitude_first():
    tweet = read(v1_tweet(geo={"type": "Point", "coordinates": [39.7, -90.1]}))
    assert tweet.coordinates == (-90.1, 39.7)


@pytest.mark.parametrize("numbers", [[], [1.0], [200.0, 0.0], [0.0, -91.0]])
def test_coordinates_off_the_planet_are_none(numbers):
    assert read(v1_tweet(coordinates={"coordinates": numbers})).coordinates is None


def test_extended_mode_has_the_full_text():
    tweet = read(v1_tweet(full_text="All of it &lt;3", text=None))
    assert (tweet.text, tweet.text_is_cut) == ("All of it <3", False)


def test_a_cut_tweet_without_its_rest_says_so():
    assert read(v1_tweet(text="The beginning…", truncated=True)).text_is_cut


def test_only_twitters_own_escapes_are_undone():
    tweet = read(v1_tweet(text="a &amp;lt; b &lt;c&gt; &amp;copy=1 &eacute; &amp;amp;"))
    assert tweet.text == "a &lt; b <c> &copy=1 &eacute; &amp;"


def test_a_retweet_of_an_unnamed_author_takes_the_name_from_its_own_words():
    payload = v1_rich()
    del payload["retweeted_status"]["user"]["screen_name"]
    tweet = read(payload)
    assert tweet.text.startswith("RT @Bob_X: Long & full #Flood https://t.co/aaa")
    assert tweet.retweeted_screen_name == "Bob_X"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "post"),
        ({"in_reply_to_status_id_str": "5", "in_reply_to_status_id": 5}, "reply"),
        ({"in_reply_to_user_id_str": "5"}, "reply"),
        ({"quoted_status_id_str": "5"}, "quote"),
        ({"is_quote_status": True}, "quote"),
        ({"quoted_status_id_str": "5", "in_reply_to_status_id_str": "6"}, "quote"),
        ({"retweeted_status": v1_tweet(4), "quoted_status_id_str": "5"}, "retweet"),
    ],
)
def test_kinds(more, kind):
    assert read(v1_tweet(**more)).kind == kind


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("RT @bob_x: hello", True),
        ("rt this", True),
        ("so true RT @bob_x hello", True),
        ("Please RT if you can", False),
        ("pls RT now", False),
        ("plz RT now", False),
        ("Please RT, and RT @bob_x", False),
        ("ART is fine", False),
        ("an ART work", False),
        ("RT", False),
    ],
)
def test_retweets_made_by_hand(text, loose):
    tweet = read(v1_tweet(text=text))
    assert (tweet.is_retweet, tweet.is_retweet_strict) == (loose, False)


def test_a_rounded_id_gives_way_to_the_written_one():
    tweet = read(v1_tweet() | {"id": 867473446648676400, "id_str": "867473446648676352"})
    assert tweet.twitter_id == 867473446648676352


def test_an_id_without_its_written_form_is_taken():
    payload = v1_tweet(89512102)
    del payload["id_str"]
    assert read(payload).twitter_id == 89512102


@pytest.mark.parametrize("big", [2**63, 2**64, 10**20, 10**30])
def test_ids_that_no_database_holds_are_refused_by_name(big):
    with pytest.raises(Unreadable) as why:
        read(v1_tweet() | {"id": big, "id_str": str(big)})
    assert why.value.reason == "id_too_large"
    assert str(big)[:19] in str(why.value)


@pytest.mark.parametrize("fine", [1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1])
def test_ids_up_to_the_limit_are_exact(fine):
    assert read(v1_tweet(fine)).twitter_id == fine
    assert read(v1_tweet(user=v1_user(fine))).author_uid == fine


@pytest.mark.parametrize("missing", [None, "", "abc", "-5", 0, -3, 1.5, True, [], {}])
def test_a_tweet_without_a_usable_id_is_refused(missing):
    with pytest.raises(Unreadable) as why:
        read(v1_tweet() | {"id": missing, "id_str": missing})
    assert why.value.reason == "no_id"


@pytest.mark.parametrize(
    ("date", "right"),
    [
        (CREATED_V1, True),
        ("Sat Jun 30 23:59:60 +0000 2012", True),  # a leap second
        ("Thu Jan 01 00:00:00 +0000 1970", False),  # of withheld tweets
        ("Mon Foo 10 20:19:24 +0000 2018", False),
        ("Wed Oct 99 20:19:24 +0000 2018", False),
        ("Wed Oct 10 20:19:24 +0100 2018", False),
        ("2018-10-10T20:19:24.000Z", True),
        ("2018-10-10 20:19:24+00:00", True),
        ("yesterday", False),
        ("", False),
        (None, False),
        (1539202764, False),
        ({"a": 1}, False),
    ],
)
def test_malformed_dates_fall_back_to_the_id(date, right):
    tweet = read(v1_tweet(created_at=date))
    assert tweet.created_at_from_id is not right
    if not right:
        assert tweet.created_at == datetime(2018, 10, 10, 20, 19, 24, 211_000, tzinfo=UTC)


def test_an_old_id_cannot_tell_the_time():
    tweet = read(v1_tweet(89512102, created_at="soon"))
    assert (tweet.created_at, tweet.created_at_from_id) == (None, True)


def test_dates_are_read_whatever_the_locale(monkeypatch):
    import locale

    kept = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        assert read(v1_tweet()).created_at is not None
    finally:
        locale.setlocale(locale.LC_ALL, kept)


@pytest.mark.parametrize(
    "line",
    [
        b'{"delete":{"status":{"id":1234,"id_str":"1234","user_id":3,"user_id_str":"3"}}}',
        b'{"limit":{"timestamp_ms":"1415022747749","track":542}}',
        b'{"warning":{"code":"FALLING_BEHIND","percent_full":60}}',
        b"{}",
        b"17",
        b'"text"',
        b"[]",
        b"null",
        as_line(v1_user()),
    ],
)
def test_what_is_no_tweet_is_refused(line):
    with pytest.raises(Unreadable) as why:
        parse_line(line)
    assert why.value.reason == "not_a_post"


def test_old_accounts_are_read_with_their_raw_bytes():
    raw = as_line(v1_user(url="https://t.co/home", withheld_in_countries="DE,FR"))
    user = parse_user(raw)
    assert (user.uid, user.name, user.display_name) == (101, "Ann_X", "Ann_X Example")
    assert (user.followers_count, user.statuses_count) == (10, 30)
    assert user.withheld == Withheld(("DE", "FR"))
    assert user.raw == raw
