"""The client against recordings of Twitter itself, played back by a server of the test."""

import json
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from sfm.networks import errors
from sfm.twitter.client import Client
from tests.twitter.fake import Fake, answer, transport_to

PAGING = ("start_time", "end_time", "since_id", "until_id", "pagination_token", "next_token", "ids")


def key(path, query):
    """What tells one recorded call from another; a second is one however it is written."""
    told = {name: query[name].replace(".000Z", "Z") for name in PAGING if name in query}
    return path, tuple(sorted(told.items()))


class Replay:
    """Plays back every recorded GET of v2."""

    def __init__(self, recordings):
        self.answers = {}
        for recording in recordings:
            address = urlsplit(recording["url"])
            if recording["method"] == "GET" and address.path.startswith("/2/"):
                query = dict(parse_qsl(address.query))
                body = recording["body"].encode()
                self.answers[key(address.path, query)] = (recording["status"], body)

    def __call__(self, asked):
        status, body = self.answers.get(key(asked.path, asked.query), (404, b"{}"))
        kind = "application/json" if body.startswith(b"{") else "text/html"
        return answer(status, body, kind=kind)

    def calls(self, ending):
        return [(path, dict(told)) for path, told in self.answers if path.endswith(ending)]


@pytest.fixture
def replay(shared_data):
    lines = (shared_data / "recordings.jsonl").read_text().splitlines()
    return Replay([json.loads(line) for line in lines])


def make(fake):
    return Client(transport_to(fake.root))


def recorded_ids(replay, path, told):
    """Ids along the chain of recorded pages from this call on."""
    _status, body = replay.answers[path, tuple(sorted(told.items()))]
    page = json.loads(body)
    found = [int(post["id"]) for post in page.get("data", [])]
    token = page.get("meta", {}).get("next_token")
    further = told | {"pagination_token": token} if token else {}
    if token and (path, tuple(sorted(further.items()))) in replay.answers:
        found += recorded_ids(replay, path, further)
    return found


def test_each_recorded_timeline_is_collected_exactly(replay):
    collected = refused = 0
    with Fake(route=replay) as fake:
        for path, told in replay.calls("/tweets"):
            if not path.startswith("/2/users/") or "pagination_token" in told:
                continue
            span = {name: datetime.fromisoformat(told[name]) for name in ("start_time", "end_time")}
            chain = make(fake).timeline(int(path.split("/")[3]), **span)
            expected = recorded_ids(replay, path, told)
            try:
                found = [tweet.twitter_id for page in chain for tweet in page.posts]
            except errors.AccountProblem:
                found, refused = [], refused + 1
            assert found == expected, path
            collected += len(found)
    assert collected > 50
    assert refused >= 1


def test_each_recorded_look_up_gives_every_post_or_its_problem(replay):
    looked = 0
    with Fake(route=replay) as fake:
        for path, told in replay.calls("/2/tweets"):
            asked = [int(one) for one in told["ids"].split(",")]
            if len(asked) > 100 or len(set(asked)) < len(asked):
                continue
            expected = recorded_ids(replay, path, told)
            (page,) = make(fake).posts_by_id(asked)
            assert [tweet.twitter_id for tweet in page.posts] == expected
            problems = {int(one.value) for one in page.problems if one.parameter == "ids"}
            assert set(asked) == set(expected) | problems
            looked += 1
    assert looked > 20


def test_a_recorded_web_page_is_no_answer(replay):
    pages = [body for status, body in replay.answers.values() if status == 404]
    assert pages
    with Fake([answer(404, pages[0], kind="text/html")]) as fake:
        with pytest.raises(errors.BadRequest):
            make(fake).counts_recent("x")
