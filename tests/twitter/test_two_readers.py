"""The patient reader gives what the fast one gives, and loses at most the value that does not fit.

A NUL in a member that nobody reads sends a line through the patient reader; all else is as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfm.networks.record import Account, Post, Unreadable
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.tweet import parse_line, parse_user
from tests.twitter.tweets import (
    as_line,
    in_post_words,
    v1_rich,
    v1_tweet,
    v1_user,
    v2_post,
    v2_record,
    v2_retweet,
    v2_user,
)

POSTS = {
    "v1": v1_rich(),
    "v2": v2_record(),
    "v2 retweet": v2_retweet(),
    "post words": in_post_words(v2_retweet()),
}
USERS = {"v1": v1_user(), "v2": v2_user(url="https://t.co/me", profile_image_url="https://i.co/a")}


def columns(read: Callable[[bytes], Post | Account], line: bytes) -> dict[str, Any] | str:
    """Every column of the record in these bytes; else the reason why there is none."""
    try:
        record = read(line)
    except Unreadable as why:
        return why.reason
    return {name: getattr(record, name) for name in record.__struct_fields__ if name != "raw"}


def patiently(line: bytes) -> bytes:
    return line.rstrip()[:-1] + rb',"unread":"\u0000"}'


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def value_at(sample: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        sample = sample[key]
    return sample


def replaced(sample: Any, at: tuple[Any, ...], by: Any) -> Any:
    changed = copy.deepcopy(sample)
    value_at(changed, at[:-1])[at[-1]] = by
    return changed


def left_out(sample: Any, at: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(sample)
    del value_at(changed, at[:-1])[at[-1]]
    return changed


@pytest.mark.parametrize("sample", POSTS.values(), ids=POSTS)
def test_both_readers_give_the_same_post(sample: dict[str, Any]) -> None:
    line = as_line(sample)
    assert columns(parse_line, patiently(line)) == columns(parse_line, line)


@pytest.mark.parametrize("sample", USERS.values(), ids=USERS)
def test_both_readers_give_the_same_account(sample: dict[str, Any]) -> None:
    line = as_line(sample)
    assert columns(parse_user, patiently(line)) == columns(parse_user, line)


@pytest.mark.parametrize(
    ("read", "sample"),
    [(parse_line, sample) for sample in POSTS.values()]
    + [(parse_user, sample) for sample in USERS.values()],
    ids=[*POSTS, *(f"{name} account" for name in USERS)],
)
def test_a_value_that_does_not_fit_costs_itself_alone(
    read: Callable[[bytes], Post | Account], sample: dict[str, Any]
) -> None:
    for at in places(sample):
        value = value_at(sample, at)
        odd = as_line(replaced(sample, at, "odd" if isinstance(value, dict) else {"odd": 1}))
        without = as_line(left_out(sample, at))
        assert columns(read, odd) == columns(read, without), at


@pytest.mark.parametrize(
    ("count", "kept"),
    [("100+", 100), ("100", 100), ("+100", None), ("100++", None), ("many", None), (10**30, None)],
)
def test_a_count_that_is_no_number_costs_itself_alone(count: Any, kept: int | None) -> None:
    old = columns(parse_line, as_line(v1_tweet(retweet_count=count)))
    assert old == columns(parse_line, as_line(v1_tweet(retweet_count=kept)))
    post = v2_post()
    post["public_metrics"]["like_count"] = count
    expected = v2_post()
    expected["public_metrics"]["like_count"] = kept
    new = columns(parse_line, as_line({"data": post, "includes": {"users": [v2_user()]}}))
    whole = {"data": expected, "includes": {"users": [v2_user()]}}
    assert new == columns(parse_line, as_line(whole))
    assert isinstance(new, dict)
    assert new["followers_count"] == 10


def test_half_an_emoji_costs_half_an_emoji() -> None:
    line = as_line(v1_tweet(text="cut off HERE")).replace(b"HERE", rb"\ud83d")
    assert columns(parse_line, line) == columns(
        parse_line, as_line(v1_tweet(text="cut off \ufffd"))
    )


# --- held against everything that was recorded -------------------------------------------------


def recorded_posts(folder: Path) -> Iterator[bytes]:
    for name in ("v1_tweets.jsonl", "v1_resightings.jsonl", "v1_rounded_ids.jsonl"):
        yield from (folder / name).read_bytes().splitlines()
    for body in (folder / "v2_pages.jsonl").read_bytes().splitlines():
        yield from (record.raw for record in split_page(body).records)


def test_both_readers_give_the_same_of_every_recorded_post(shared_data: Path) -> None:
    compared = 0
    for line in recorded_posts(shared_data):
        assert columns(parse_line, patiently(line)) == columns(parse_line, line)
        compared += 1
    assert compared > 3_000


def test_both_readers_give_the_same_of_every_recorded_account(shared_data: Path) -> None:
    lines = (shared_data / "v1_users.jsonl").read_bytes().splitlines()
    for line in lines:
        assert columns(parse_user, patiently(line)) == columns(parse_user, line)
    assert lines
