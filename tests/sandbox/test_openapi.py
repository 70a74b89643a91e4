"""What the sandbox answers is what X's own OpenAPI description allows, key for key."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, FormatChecker

from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import CAPTURE, pages

Get = Callable[..., requests.Response]
CLOSED = ("Tweet", "User", "Place", "Poll", "Expansions", "Rule", "Connection")


class Spec:
    """One version of X's description; its objects may hold no key that it does not name."""

    def __init__(self, path: Path) -> None:
        spec = json.loads(path.read_text(encoding="utf-8"))
        self.paths = spec["paths"]
        self.components = copy.deepcopy(spec["components"])
        for name in (*CLOSED, "Post"):
            if name in self.components["schemas"]:
                self.components["schemas"][name]["additionalProperties"] = False

    def check(self, path: str, method: str, body: dict[str, Any]) -> None:
        """The body is a 200 of this endpoint, its errors and media each of their own kind."""
        answer = self.paths[path][method]["responses"]["200"]["content"]["application/json"]
        self.check_as(answer["schema"], body)
        for problem in body.get("errors", []):
            self.check_problem(problem)
        for medium in body.get("includes", {}).get("media", []):
            self.check_kind("Media", medium["type"], medium)

    def check_problem(self, problem: dict[str, Any]) -> None:
        if "code" in problem:
            self.check_as({"$ref": "#/components/schemas/Error"}, problem)
        else:
            self.check_kind("Problem", problem["type"], problem)

    def check_kind(self, name: str, kind: str, body: dict[str, Any]) -> None:
        mapping = self.components["schemas"][name].get("discriminator", {}).get("mapping", {})
        self.check_as({"$ref": mapping.get(kind, f"#/components/schemas/{name}")}, body)

    def check_as(self, schema: dict[str, Any], body: object) -> None:
        whole = {**schema, "components": self.components}
        validator = Draft202012Validator(whole, format_checker=FormatChecker())
        wrong = [
            f"{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in validator.iter_errors(body)
        ]
        assert not wrong, wrong[:5]


@pytest.fixture(scope="module")
def tweet_spec(shared_data: Path) -> Spec:
    return Spec(shared_data / "openapi-2.166.json")


@pytest.fixture(scope="module")
def post_spec(shared_data: Path) -> Spec:
    return Spec(shared_data / "openapi-2.167.json")


def capture(x: Sandbox) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Requests of every kind: (path of the description, path asked, parameters)."""
    fields = CAPTURE
    users = {"user.fields": fields["user.fields"] + ",most_recent_tweet_id"}
    everyone = x.world.people
    names = ",".join(person.username for person in everyone)
    ids = ",".join(str(person.uid) for person in everyone)
    me = everyone[0]
    yield "/2/users/by", "/2/users/by", {"usernames": f"{names},no_such_name", **users}
    yield "/2/users", "/2/users", {"ids": f"{ids},5", **users}
    yield "/2/users", "/2/users", {"ids": ids, "expansions": "most_recent_tweet_id", **users}
    yield "/2/users/{id}", f"/2/users/{me.uid}", users
    yield "/2/users/by/username/{username}", f"/2/users/by/username/{me.username}", users
    yield "/2/users/by/username/{username}", "/2/users/by/username/spam_fountain", users
    posts = [
        i for person in everyone for _, i in zip(range(2), x.world.timeline(person), strict=False)
    ]
    for at in range(0, len(posts), 40):
        some = ",".join(map(str, [*posts[at : at + 40], 17]))
        yield "/2/tweets", "/2/tweets", {"ids": some, **fields}
    yield "/2/tweets/{id}", f"/2/tweets/{posts[0]}", fields
    yield "/2/tweets/{id}", "/2/tweets/17", fields
    for query in ("the OR library OR tag", "from:QuayWeather", "nothing_like_this"):
        asked = {"query": query, "max_results": 100, **fields}
        yield "/2/tweets/search/recent", "/2/tweets/search/recent", asked
    yield "/2/tweets/counts/recent", "/2/tweets/counts/recent", {"query": "library"}
    usage = {"usage.fields": "daily_project_usage,daily_client_app_usage"}
    yield "/2/usage/tweets", "/2/usage/tweets", usage


def test_look_ups_search_and_usage_keep_to_the_description(
    x: Sandbox, get: Get, tweet_spec: Spec
) -> None:
    for described, path, params in capture(x):
        answer = get(path, params)
        assert answer.status_code == 200, (path, answer.text)
        tweet_spec.check(described, "get", answer.json())


@pytest.mark.slow
def test_every_accounts_timeline_keeps_to_the_description(
    x: Sandbox, get: Get, tweet_spec: Spec
) -> None:
    kinds: set[str] = set()
    for person in x.world.people:
        asked = {"max_results": 60, **CAPTURE}
        body = get(f"/2/users/{person.uid}/tweets", asked).json()
        tweet_spec.check("/2/users/{id}/tweets", "get", body)
        kinds |= set(body.get("includes", {})) | {"errors"} & set(body)
    assert kinds == {"users", "tweets", "media", "places", "polls", "errors"}


def test_post_words_keep_to_the_newer_description(x: Sandbox, get: Get, post_spec: Spec) -> None:
    asked = {
        "post.fields": "attachments,conversation_id,created_at,edit_controls,entities,geo,id,lang,"
        "note_post,possibly_sensitive,public_metrics,reply_settings,text,withheld",
        "expansions": "attachments.media_keys,attachments.poll_ids,author_id,edit_history_post_ids,"
        "entities.mentions.username,geo.place_id,in_reply_to_user_id,referenced_posts",
        "user.fields": CAPTURE["user.fields"],
        "media.fields": CAPTURE["media.fields"],
        "place.fields": CAPTURE["place.fields"],
        "poll.fields": CAPTURE["poll.fields"],
        "max_results": 100,
    }
    for who in ("drada_mensah", "wardfive", "OwlTelescope", "PollsterPip"):
        body = get(f"/2/users/{x.world.find(who).uid}/tweets", asked).json()
        post_spec.check("/2/users/{id}/tweets", "get", body)
        assert body["includes"]["posts"]


def test_all_pages_of_the_longest_timeline_have_meta(
    x: Sandbox, get: Get, tweet_spec: Spec
) -> None:
    path = f"/2/users/{x.world.find('millbrook_lib').uid}/tweets"
    for body in pages(get, path, {"max_results": 100}):
        tweet_spec.check("/2/users/{id}/tweets", "get", body)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/2/users/me", {}),
        ("/2/users", {"ids": "x"}),
        ("/2/tweets/search/recent", {"query": "(cat"}),
    ],
)
def test_refusals_are_problems(
    get: Get, tweet_spec: Spec, path: str, params: dict[str, str]
) -> None:
    answer = get(path, params)
    assert answer.status_code >= 400
    tweet_spec.check_problem(answer.json())


@pytest.mark.parametrize(
    "kind", ["usage-capped", "client-forbidden", "unauthorized", "conflict", "too-many-requests"]
)
def test_planned_refusals_are_problems(x: Sandbox, get: Get, tweet_spec: Spec, kind: str) -> None:
    fault = x.faults.add(kind)
    tweet_spec.check_problem(get("/2/users/by/username/A1").json())
    assert fault.fired == 1
