"""No payload, however broken, ends a run: fields fall to None, or the line is refused by name."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm.networks.record import Post, Unreadable
from sfm.twitter.parse.entities import entities, referenced
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.tweet import parse_line, parse_user
from tests.twitter.tweets import (
    as_line,
    in_post_words,
    v1_rich,
    v1_tweet,
    v2_post,
    v2_record,
    v2_retweet,
)

ODD = [None, "", "x", "\x00", 0, -1, 7, 2**63, 10**30, 1.5, True, [], [None], [[]], {}, {"a": 1}]
SAMPLES = {
    "v1": v1_rich(),
    "v2": v2_retweet(),
    "post": in_post_words(v2_retweet()),
    "record": v2_record(),
}


def paths(value: Any, at: tuple[Any, ...] = ()):
    if at:
        yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*at, key))


def changed(sample: Any, at: tuple[Any, ...], to: Any, drop: bool) -> Any:
    copied = copy.deepcopy(sample)
    inner = copied
    for key in at[:-1]:
        inner = inner[key]
    if drop:
        del inner[at[-1]]
    else:
        inner[at[-1]] = to
    return copied


def read_every_way(line: bytes) -> Post | None:
    for look in (entities, referenced, parse_user):
        with contextlib.suppress(Unreadable):
            look(line)
    assert split_page(line) is not None
    with contextlib.suppress(Unreadable):
        return parse_line(line)
    return None


def fit_for_a_database(tweet: Post) -> None:
    for value in (getattr(tweet, name) for name in tweet.__struct_fields__):
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                assert "\x00" not in text
                text.encode()
            assert not isinstance(text, int) or abs(text) < 2**63


@pytest.mark.parametrize("name", SAMPLES)
def test_each_field_dropped_once(name):
    sample, read = SAMPLES[name], 0
    for at in paths(sample):
        tweet = read_every_way(as_line(changed(sample, at, None, drop=True)))
        if tweet is not None:
            fit_for_a_database(tweet)
            read += 1
    assert read > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_each_field_replaced_by_each_odd_value(name):
    sample, read = SAMPLES[name], 0
    for at in paths(sample):
        for odd in ODD:
            tweet = read_every_way(as_line(changed(sample, at, odd, drop=False)))
            if tweet is not None:
                fit_for_a_database(tweet)
                read += 1
    assert read > 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(SAMPLES)), st.data())
def test_several_fields_replaced_at_random(name, data):
    sample = SAMPLES[name]
    for at in data.draw(st.lists(st.sampled_from(list(paths(sample))), min_size=1, max_size=4)):
        try:
            sample = changed(sample, at, data.draw(json_values), drop=False)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    tweet = read_every_way(as_line(sample))
    if tweet is not None:
        fit_for_a_database(tweet)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_at_random_are_refused(line):
    for read in (parse_line, parse_user, entities, referenced, split_page):
        with contextlib.suppress(Unreadable):
            read(line)


@pytest.mark.parametrize("at", range(1, 2000, 97))
def test_a_line_cut_anywhere_is_not_json(at):
    with pytest.raises(Unreadable) as why:
        parse_line(as_line(v1_rich())[:at])
    assert why.value.reason == "not_json"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty"),
        (b"  \r\n", "empty"),
        (b"{", "not_json"),
        (b"<html>", "not_json"),
        (b'{"id_str":"1","text":"a"} {"id_str":"2"}', "not_json"),
        (b'{"text":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
        (b'{"text":"a","id_str":"1"\xff}', "not_json"),
    ],
)
def test_reasons(line, reason):
    with pytest.raises(Unreadable) as why:
        parse_line(line)
    assert why.value.reason == reason


def test_an_integer_of_five_thousand_digits_is_passed_over():
    line = as_line(v1_tweet(retweet_count=1)).replace(
        b'"retweet_count": 1', b'"retweet_count": ' + b"9" * 5000
    )
    assert b"9" * 5000 in line
    tweet = parse_line(line)
    assert (tweet.text, tweet.retweet_count) == ("Hello", None)


@pytest.mark.parametrize("make", [v1_tweet, lambda text: {"data": v2_post(text=text)}])
@pytest.mark.parametrize(
    ("escaped", "shown"),
    [
        (r"a\ud83d b", "a\ufffd b"),
        (r"a\ude00 b", "a\ufffd b"),
        (r"a\ud83d\ude00 b", "a\U0001f600 b"),
        (r"a\u0000b", "a\ufffdb"),
        (r"\u202eevil\u2066", "\u202eevil\u2066"),
        (r"a\u2028b\u0085c", "a\u2028b\u0085c"),
    ],
)
def test_texts_that_databases_refuse_are_made_fit(make, escaped, shown):
    payload = make(text="HERE")
    line = json.dumps(payload).encode().replace(b"HERE", escaped.encode())
    assert parse_line(line).text == shown


def test_bytes_that_are_not_utf8_are_replaced():
    line = as_line(v1_tweet(text="HERE")).replace(b"HERE", b"caf\xe9")
    assert parse_line(line).text == "caf\ufffd"


def test_a_name_with_a_nul_is_made_fit():
    line = as_line(v1_tweet()).replace(b"Ann_X Example", rb"Ann\u0000")
    assert parse_line(line).author_name == "Ann\ufffd"


def test_retweets_inside_retweets_without_end_are_cut_off():
    payload = v1_tweet(1)
    for number in range(2, 120):
        payload = v1_tweet(number, retweeted_status=payload)
    assert parse_line(as_line(payload) + b" ").twitter_id == 119
    broken = as_line(payload).replace(b'"lang": "en"', b'"lang": 5', 1)
    assert parse_line(broken).twitter_id == 119
