"""Recent search and counts against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sfm.sandbox.server import Sandbox
from sfm.sandbox.world.posts import id_ms
from tests.sandbox.conftest import NOON
from tests.sandbox.held_time import HeldTime

Get = Callable[..., requests.Response]
WEEK_MS = 7 * 86_400_000
RECENT = "/2/tweets/search/recent"


def search(get: Get, query: str, **params: Any) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        body = get(RECENT, {"query": query, "max_results": 100, **params, **token}).json()
        yield from body.get("data", [])
        if "next_token" not in body["meta"]:
            return
        token = {"next_token": body["meta"]["next_token"]}


def test_search_by_author_finds_the_weeks_posts_but_no_retweets(x: Sandbox, get: Get) -> None:
    person = x.world.find("QuayWeather")
    earliest = int(NOON.timestamp() * 1000) - WEEK_MS
    recent = [i for i in x.world.visible(person) if earliest <= id_ms(i)]
    posts = [x.world.post(i) for i in recent]
    expected = [
        str(p.id)
        for p in posts
        if p and p.kind != "retweeted" and id_ms(p.id) < int(NOON.timestamp() * 1000) - 30_000
    ]
    assert len(expected) > 60
    assert [post["id"] for post in search(get, "from:QuayWeather")] == expected


def test_search_pages_are_whole_and_in_order(x: Sandbox, get: Get) -> None:
    found = [int(post["id"]) for post in search(get, "the OR tag OR library", max_results=10)]
    assert len(found) > 100
    assert found == sorted(set(found), reverse=True)


def test_since_and_until_bound_a_search(x: Sandbox, get: Get) -> None:
    ids = [post["id"] for post in search(get, "from:QuayWeather")]
    inner = [p["id"] for p in search(get, "from:QuayWeather", since_id=ids[9], until_id=ids[3])]
    assert inner == ids[4:9]


def test_new_post_is_found_after_30_seconds(x: Sandbox, get: Get) -> None:
    post = x.world.add_post(x.world.find("A1"), "zebra crossing")
    assert list(search(get, "zebra")) == []
    x.clock.advance(31)
    assert [found["id"] for found in search(get, "zebra")] == [str(post.id)]


def test_protected_and_suspended_authors_are_not_found(x: Sandbox, get: Get) -> None:
    for who in ("quiet_keeper", "spam_fountain", "gone_fishing_9"):
        assert list(search(get, f"from:{who}")) == []


def test_wrong_query_is_a_400_with_a_position(get: Get) -> None:
    answer = get(RECENT, {"query": "(cat"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].endswith("(at position 1)")
    assert answer.json()["errors"][0]["parameters"] == {"query": ["(cat"]}


@pytest.mark.parametrize(
    "params",
    [
        {"query": ""},
        {"query": "a" * 513},
        {"query": "cat", "max_results": 9},
        {"query": "cat", "start_time": "2026-11-01T00:00:00Z"},
        {"query": "cat", "end_time": "2026-11-20T11:59:55Z"},
        {"query": "cat", "start_time": "2026-11-19T00:00:00Z", "since_id": "5"},
        {"query": "cat", "sort_order": "random"},
        {"query": "cat", "next_token": "nonsense"},
    ],
)
def test_wrong_search_is_a_400(get: Get, params: dict[str, object]) -> None:
    assert get(RECENT, params).status_code == 400


def test_counts_add_up_to_what_search_finds(x: Sandbox, get: Get) -> None:
    found = list(search(get, "library", **{"tweet.fields": "created_at"}))
    body = get("/2/tweets/counts/recent", {"query": "library", "granularity": "day"}).json()
    assert body["meta"]["total_tweet_count"] == len(found) > 5
    assert sum(part["tweet_count"] for part in body["data"]) == len(found)
    by_day = {part["start"][:10]: part["tweet_count"] for part in body["data"]}
    assert by_day["2026-11-18"] == sum(p["created_at"][:10] == "2026-11-18" for p in found)
    assert len(body["data"]) == 8


def test_crowd_is_found_and_is_the_same_after_a_restart() -> None:
    ids = []
    for _ in range(2):
        with Sandbox(clock=HeldTime(NOON), crowd=0.1) as sandbox:
            params = {"query": "library OR the", "max_results": "100"}
            headers = {"Authorization": f"Bearer {sandbox.bearer_token}"}
            body = requests.get(sandbox.url + RECENT, params=params, headers=headers, timeout=10)
            ids.append([post["id"] for post in body.json()["data"]])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 100


def test_crowds_posts_and_accounts_can_be_looked_up(x: Sandbox, get: Get) -> None:
    x.world.crowd.set_pace(50, x.clock.now_ms() + 1)
    x.clock.advance(2)
    now = x.clock.now_ms()
    ids = list(x.world.crowd.between(now - 2_000, now + 1))
    assert len(ids) == 100
    body = get(
        "/2/tweets", {"ids": ",".join(map(str, ids)), "tweet.fields": "author_id,created_at"}
    ).json()
    assert [int(post["id"]) for post in body["data"]] == ids
    author = body["data"][0]["author_id"]
    name = get(f"/2/users/{author}").json()["data"]["username"]
    assert get(f"/2/users/by/username/{name}").json()["data"]["id"] == author
    timeline = get(f"/2/users/{author}/tweets").json()["data"]
    assert str(ids[0]) in [post["id"] for post in timeline]
