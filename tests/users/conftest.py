"""A sandbox Twitter to sign in at, and a browser's way there and back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sfm.sandbox.server import Sandbox
from tests.pages import page, submit


@pytest.fixture(scope="session")
def twitter_server() -> Iterator[Sandbox]:
    with Sandbox(seed=7, bearer_tokens=("sandbox-one", "sandbox-two")) as sandbox:
        yield sandbox


@pytest.fixture
def twitter(twitter_server: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, without yesterday's faults."""
    twitter_server.reset()
    yield twitter_server
    twitter_server.reset()


def agree_at_twitter(address: str, who: str, decision: str = "allow") -> str:
    """Pick a person on Twitter's page and press a button; gives the address to go back to."""
    parts = urlsplit(address)
    shown = requests.get(address, timeout=10)
    assert shown.status_code == 200, shown.text
    form = {**dict(parse_qsl(parts.query)), "person": who, "decision": decision}
    answer = requests.post(
        parts._replace(query="").geturl(), data=form, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def by_twitter(
    client: FlaskClient, kind: str, who: str, decision: str = "allow", next_: str = "/account/"
) -> TestResponse:
    """Sign in with Twitter from the sign-in page, all the way; gives the callback's answer."""
    form = page(client, f"/login/?next={next_}")
    off = submit(client, form, f"/login/twitter/{kind}/")
    assert off.status_code == 303, off.text
    back = agree_at_twitter(off.location, who, decision)
    return client.get(path_of(back))
