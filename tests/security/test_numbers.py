"""No page breaks off at a number that no database holds, whatever its address or form calls it.

What a view reads is found out by watching it: every name that it asks its address for is then
asked with odd numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict

from sfm.models import User
from tests.factories import make_set, make_twitter_user
from tests.pages import page, sign_in
from tests.security.samples import People, make_owned, people
from tests.security.walk import Stop, is_safe, stops

ODD = (2**63, 10**25, -(2**63) - 1)
BY_NUMBER = {"account", "after", "before", "ids", "job", "link", "profile", "set", "tweet"}


class Watched(ImmutableMultiDict[str, Any]):
    """The arguments of a request, which remember what they were asked for."""

    asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, *more: Any, **named: Any) -> Any:
        self.asked.add(key)
        return super().get(key, *more, **named)

    def getlist(self, key: str, *more: Any, **named: Any) -> list[Any]:
        self.asked.add(key)
        return super().getlist(key, *more, **named)


class WatchedRequest(Request):
    parameter_storage_class = Watched


@pytest.fixture
def crowd(app: Flask) -> People:
    app.request_class = WatchedRequest
    return people()


@pytest.fixture
def boss(client: FlaskClient, crowd: People) -> FlaskClient:
    sign_in(client, crowd.superuser)
    return client


def read_by(client: FlaskClient, stop: Stop) -> Iterator[str]:
    """The names that this page asks its address for."""
    Watched.asked = set()
    assert client.get(stop.address).status_code < 500
    yield from sorted(Watched.asked)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_address_breaks_a_page_with_a_number(
    app: Flask, boss: FlaskClient, crowd: People
) -> None:
    owned = make_owned(crowd.owner)
    tried: set[str] = set()
    for stop in filter(is_safe, stops(app, owned)):
        if stop.endpoint == "auth.logout":
            continue
        for name in read_by(boss, stop):
            tried.add(name)
            for number in ODD:
                answer = boss.get(stop.address, query_string={name: number})
                assert answer.status_code < 500, f"{stop.address}?{name}={number}"
    assert tried >= BY_NUMBER, "the walk has seen every name that is known to mean a number"


@pytest.mark.parametrize("number", ODD)
@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ("/admin/twitter-users/bulk/", {"account": "N", "action": "deactivate"}),
        ("/admin/twitter-users/bulk/", {"account": "N", "action": "add-to-set", "set": "SET"}),
        ("/admin/twitter-users/bulk/", {"account": "USER", "action": "add-to-set", "set": "N"}),
        ("/sets/SET/members/remove/", {"account": "N"}),
        ("/files/hand-on/", {"file": "N", "to": "export"}),
        ("/admin/timeline-jobs/delete/", {"job": "N"}),
    ],
)
def test_no_form_breaks_a_page_with_a_number(
    client: FlaskClient, superuser: User, where: str, sent: dict[str, str], number: int
) -> None:
    user = make_twitter_user()
    found = make_set(superuser, "Elections", [user])
    words = {"N": str(number), "SET": str(found.id), "USER": str(user.id)}
    sign_in(client, superuser)
    token = page(client, "/about/").all("input", name="csrf_token")[0].get("value")
    data = {name: words.get(value, value) for name, value in sent.items()}
    answer = client.post(where.replace("SET", str(found.id)), data={**data, "csrf_token": token})
    assert answer.status_code in (303, 404, 422)
    assert [one.id for one in found.members] == [user.id]
    assert user.is_active
