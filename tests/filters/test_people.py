"""The people of a filter: who was not found, and of whom nothing was said."""

from __future__ import annotations

from sfm.filters.account_lookup import find_people
from sfm.twitter.client import Client
from tests.twitter.fake import Fake, answer, transport_to
from tests.twitter.tweets import v2_user


def missing(name: str) -> dict[str, str]:
    return {
        "value": name, "resource_id": name, "detail": "Could not find user.", "parameter":
        "usernames", "title": "Not Found Error", "resource_type": "user",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }  # fmt: skip


def test_a_person_whom_the_answer_passes_over_is_not_called_missing() -> None:
    """AP19."""
    answers = [answer(200, {"data": [v2_user(101, "ann_x")]}), answer(200, {})]
    with Fake(answers) as fake:
        people = find_people(["ann_x", "mute_x"], {}, Client(transport_to(fake.root)))
    assert people.uids == {"ann_x": 101}
    assert people.not_found == {}
    assert "gave no answer about the account mute_x" in people.warning
    assert "save it again later" in people.warning


def test_a_person_of_whom_a_reason_is_told_is_not_found() -> None:
    answers = [answer(200, {"data": [v2_user(101, "ann_x")], "errors": [missing("gone_x")]})]
    with Fake(answers) as fake:
        people = find_people(["ann_x", "gone_x"], {}, Client(transport_to(fake.root)))
    assert list(people.not_found) == ["gone_x"]
    assert people.warning == "Not found on Twitter, and left out: @gone_x."
