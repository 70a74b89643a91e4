"""The endpoints for stream rules."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import Get
from tests.sandbox.test_openapi import Spec, tweet_spec

__all__ = ["tweet_spec"]
PATH = "/2/tweets/search/stream/rules"


def change(x: Sandbox, body: Any, query: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {x.bearer_token}"}
    return requests.post(f"{x.url}{PATH}{query}", json=body, headers=headers, timeout=5)


def add(x: Sandbox, *values: str) -> list[dict[str, str]]:
    answer = change(x, {"add": [{"value": value, "tag": f"t:{value}"} for value in values]})
    made: list[dict[str, str]] = answer.json()["data"]
    return made


def test_rules_are_added_listed_and_deleted(x: Sandbox, get: Get) -> None:
    assert get(PATH).json() == {"meta": {"sent": "2026-11-20T12:00:00.000Z", "result_count": 0}}
    answer = change(x, {"add": [{"value": "cat", "tag": "a"}, {"value": "dog"}]})
    assert answer.status_code == 201
    body = answer.json()
    assert body["meta"]["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    listed = get(PATH).json()
    assert listed["data"] == body["data"]
    assert listed["meta"]["result_count"] == 2
    assert "tag" not in listed["data"][1]
    one = get(PATH, {"ids": listed["data"][0]["id"]}).json()["data"]
    assert [rule["value"] for rule in one] == ["cat"]
    gone = change(x, {"delete": {"ids": [listed["data"][0]["id"]]}}).json()
    assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 0}
    gone = change(x, {"delete": {"values": ["dog"]}}).json()
    assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 0}
    assert "data" not in get(PATH).json()


def test_duplicates_are_told_by_value_alone_with_the_id(x: Sandbox) -> None:
    [first] = add(x, "cat")
    answer = change(x, {"add": [{"value": "cat", "tag": "other"}, {"value": "cow"}]})
    assert answer.status_code == 201
    body = answer.json()
    assert [rule["value"] for rule in body["data"]] == ["cow"]
    assert body["errors"][0]["title"] == "DuplicateRule"
    assert body["errors"][0]["id"] == first["id"]
    assert body["meta"]["summary"] == {"created": 1, "not_created": 1, "valid": 1, "invalid": 1}
    twice = change(x, {"add": [{"value": "owl"}, {"value": "owl"}]}).json()
    assert twice["meta"]["summary"]["created"] == 1


def test_invalid_rules_come_back_with_positions(x: Sandbox, get: Get) -> None:
    answer = change(x, {"add": [{"value": "cat AND dog"}, {"value": "a" * 1_025}]})
    assert answer.status_code == 200
    body = answer.json()
    assert "data" not in body
    assert [error["title"] for error in body["errors"]] == ["UnprocessableEntity"] * 2
    assert body["errors"][0]["details"][0].endswith("(at position 5)")
    assert "data" not in get(PATH).json()


def test_more_rules_than_the_cap_are_refused_whole(x: Sandbox, get: Get) -> None:
    x.rules.cap = 3
    add(x, "one", "two")
    answer = change(x, {"add": [{"value": "three"}, {"value": "four"}]})
    assert answer.status_code == 422
    assert answer.json()["title"] == "RulesCapExceeded"
    assert get(PATH).json()["meta"]["result_count"] == 2
    assert change(x, {"add": [{"value": "three"}]}).status_code == 201


def test_dry_run_changes_nothing(x: Sandbox, get: Get) -> None:
    [rule] = add(x, "cat")
    body = change(x, {"add": [{"value": "dog"}, {"value": "(("}]}, "?dry_run=true").json()
    assert body["meta"]["summary"] == {"created": 1, "not_created": 1, "valid": 1, "invalid": 1}
    change(x, {"delete": {"ids": [rule["id"]]}}, "?dry_run=true")
    assert [one["value"] for one in get(PATH).json()["data"]] == ["cat"]


def test_delete_all_and_unknown_ids(x: Sandbox, get: Get) -> None:
    add(x, "cat", "dog")
    body = change(x, {"delete": {"ids": ["17"]}}).json()
    assert body["meta"]["summary"] == {"deleted": 0, "not_deleted": 1}
    assert body["errors"][0]["errors"][0]["message"] == "Rule does not exist"
    assert change(x, {}, "?delete_all=true").json()["meta"]["summary"]["deleted"] == 2
    assert "data" not in get(PATH).json()


@pytest.mark.parametrize(
    "body",
    [{}, [], {"add": []}, {"add": ["cat"]}, {"add": [{"tag": "x"}]}, {"delete": {"ids": []}}],
)
def test_misshapen_body_is_a_400(x: Sandbox, body: object) -> None:
    answer = change(x, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == "JSON doesn't match expected schema"


def test_rules_page_and_belong_to_one_app(x: Sandbox, get: Get) -> None:
    add(x, *(f"word{n}" for n in range(25)))
    first = get(PATH, {"max_results": 20}).json()
    token = first["meta"]["next_token"]
    second = get(PATH, {"max_results": 20, "pagination_token": token}).json()
    assert len(first["data"]) == 20
    assert len(second["data"]) == 5
    assert len(token) == 16
    x.site.credentials.add_bearer("another")
    headers = {"Authorization": "Bearer another"}
    assert "data" not in requests.get(x.url + PATH, headers=headers, timeout=5).json()


def test_counts_tell_caps_and_numbers(x: Sandbox, get: Get) -> None:
    add(x, "cat", "dog")
    data = get(f"{PATH}/counts").json()["data"]
    assert data["client_app_rules_count"]["rule_count"] == 2
    assert data["cap_per_client_app"] == 1_000


def test_user_tokens_have_no_rules(x: Sandbox) -> None:
    token = x.oauth2.tokens(x.world.find("A1").uid, ("tweet.read", "users.read"))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(x.url + PATH, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("unsupported-authentication")


def test_answers_keep_to_the_description(x: Sandbox, get: Get, tweet_spec: Spec) -> None:
    made = change(x, {"add": [{"value": "cat", "tag": "a"}, {"value": "(("}]}).json()
    tweet_spec.check(PATH, "post", made)
    tweet_spec.check(PATH, "get", get(PATH).json())
    tweet_spec.check(f"{PATH}/counts", "get", get(f"{PATH}/counts").json())
    gone = change(x, {"delete": {"ids": [made["data"][0]["id"]]}}).json()
    tweet_spec.check(PATH, "post", gone)
