"""Rate limits and planned trouble; each fault proves that it struck."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from sfm.sandbox.faults import LIMIT_KINDS, REFUSALS
from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import NOON

Get = Callable[..., requests.Response]
WHO = "/2/users/by/username/A1"


def test_limit_counts_down_and_refuses_until_the_reset(x: Sandbox, get: Get) -> None:
    x.limits.enabled = True
    x.limits.set("users/by/username", 2)
    left = [get(WHO).headers["x-rate-limit-remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    refused = get(WHO)
    assert refused.status_code == 429
    assert refused.json()["title"] == "Too Many Requests"
    reset = int(refused.headers["x-rate-limit-reset"])
    assert reset == int((NOON + timedelta(minutes=15)).timestamp())
    assert get("/2/users/by", {"usernames": "A1"}).ok, "other endpoints go on"
    x.clock.advance(900)
    assert get(WHO).status_code == 200


def test_limits_are_kept_for_each_app(x: Sandbox, get: Get) -> None:
    x.limits.enabled = True
    x.limits.set("users/by/username", 1)
    x.site.credentials.add_bearer("another")
    assert get(WHO).status_code == 200
    headers = {"Authorization": "Bearer another"}
    assert requests.get(x.url + WHO, headers=headers, timeout=5).status_code == 200
    assert get(WHO).status_code == 429


def test_without_limits_the_headers_are_there_all_the_same(get: Get) -> None:
    headers = get(WHO).headers
    assert {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"} <= set(headers)


def test_date_is_the_sandboxs_own(get: Get) -> None:
    assert get(WHO).headers["Date"] == "Fri, 20 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_refusal_strikes_once_and_is_counted(x: Sandbox, get: Get, kind: str) -> None:
    fault = x.faults.add(kind, path="/2/users/by/*")
    refused = get(WHO)
    assert refused.status_code == REFUSALS[kind]().status
    assert refused.status_code >= 400
    assert fault.fired == 1
    assert get(WHO).status_code == 200
    assert fault.fired == 1


@pytest.mark.parametrize(
    ("reset", "header"),
    [
        ("normal", 900),
        ("past", -3_600),
        ("far", 36_000),
        (30, 30),
        ("garbage", None),
        ("missing", None),
    ],
)
def test_429_with_any_reset_header(
    x: Sandbox, get: Get, reset: str | int, header: int | None
) -> None:
    fault = x.faults.add("too-many-requests", reset=reset)
    told = get(WHO).headers.get("x-rate-limit-reset")
    assert fault.fired == 1
    if header is not None:
        assert told is not None
        assert int(told) - int(NOON.timestamp()) == header
    else:
        assert told == {"garbage": "soon", "missing": None}[str(reset)]


def test_every_kind_of_429_is_one(x: Sandbox, get: Get) -> None:
    for kind in LIMIT_KINDS:
        fault = x.faults.add(kind)
        assert get(WHO).status_code in (420, 429)
        assert fault.fired == 1


def test_html_comes_with_any_status(x: Sandbox, get: Get) -> None:
    fault = x.faults.add("html", times=2)
    page = get(WHO)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    fault.status = 403
    assert get(WHO).status_code == 403
    assert fault.fired == 2


@pytest.mark.parametrize("kind", ["cut-body", "cut-chunks"])
def test_cut_body_breaks_off(x: Sandbox, get: Get, kind: str) -> None:
    fault = x.faults.add(kind)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(WHO)
    assert fault.fired == 1
    assert get(WHO).status_code == 200


def test_reset_is_a_reset(x: Sandbox) -> None:
    fault = x.faults.add("reset")
    headers = {"Authorization": f"Bearer {x.bearer_token}"}
    with pytest.raises(requests.exceptions.ConnectionError, match=r"reset|Reset"):
        requests.get(x.url + WHO, headers=headers, timeout=5)
    assert fault.fired == 1


@pytest.mark.parametrize("kind", ["slow", "trickle"])
def test_slow_answer_takes_its_time(x: Sandbox, get: Get, kind: str) -> None:
    fault = x.faults.add(kind, seconds=0.3)
    began = time.monotonic()
    assert get(WHO).json()["data"]["username"] == "A1"
    assert time.monotonic() - began >= 0.28
    assert fault.fired == 1


def test_own_body_comes_as_it_stands(x: Sandbox, get: Get) -> None:
    fault = x.faults.add("body", body='{"data":[', status=200, headers={"x-odd": "1"})
    answer = get(WHO)
    assert (answer.text, answer.headers["x-odd"], fault.fired) == ('{"data":[', "1", 1)


def test_paging_goes_wrong_on_demand(x: Sandbox, get: Get) -> None:
    path = f"/2/users/{x.world.find('millbrook_lib').uid}/tweets"
    token = get(path).json()["meta"]["next_token"]
    again = x.faults.add("repeat-token", query="pagination_token")
    assert get(path, {"pagination_token": token}).json()["meta"]["next_token"] == token
    assert get(path).json()["meta"]["next_token"] == token, "a first page is left alone"
    empty = x.faults.add("empty-page")
    body = get(path).json()
    assert "data" not in body
    assert body["meta"]["next_token"]
    expired = x.faults.add("expired-token", query="pagination_token")
    refused = get(path, {"pagination_token": token})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["parameters"] == {"pagination_token": [token]}
    assert (again.fired, empty.fired, expired.fired) == (1, 1, 1)


def test_fault_strikes_where_and_when_it_is_told(x: Sandbox, get: Get) -> None:
    fault = x.faults.add("unavailable", path="/2/users/*/tweets", after=1, times=2)
    path = f"/2/users/{x.world.find('A1').uid}/tweets"
    assert get(WHO).ok
    assert [get(path).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert fault.fired == 2


def test_overrides_send_what_x_ought_never_to_send(x: Sandbox, get: Get) -> None:
    author = x.world.find("A1")
    odd = {"created_at": None, "id": "9223372036854775808", "text": "half \ud83d and \x00"}
    x.world.add_post(author, "plain", overrides=odd)
    answer = get(f"/2/users/{author.uid}/tweets", {"tweet.fields": "created_at"})
    post = answer.json()["data"][0]
    assert b"\\ud83d" in answer.content
    assert "created_at" not in post
    assert (post["id"], post["text"]) == ("9223372036854775808", "half \ud83d and \x00")


def test_unknown_fault_is_refused(x: Sandbox) -> None:
    for kind, options in (("tuesday", {}), ("slow", {"speed": 3}), ("slow", {"reset": "odd"})):
        with pytest.raises(ValueError, match=r"."):
            x.faults.add(kind, **options)
