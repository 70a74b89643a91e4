"""Real clients, made for X, collect from the sandbox exactly what it holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
import tweepy
import xdk
from requests.adapters import HTTPAdapter
from twarc import Twarc2

from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import CAPTURE

LISTS = {key.replace(".", "_"): value.split(",") for key, value in CAPTURE.items()}


class ToSandbox(HTTPAdapter):
    """Sends what is meant for X to the sandbox instead, under X's name."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._netloc = urlsplit(address).netloc

    def send(self, request: Any, *args: Any, **more: Any) -> requests.Response:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(("http", self._netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **more)


def mount(session: requests.Session, address: str) -> None:
    for host in ("https://api.twitter.com", "https://api.x.com"):
        session.mount(host, ToSandbox(address))


class Twarc(Twarc2):
    """Twarc2 that finds the sandbox; it makes a new session at each connect."""

    def __init__(self, address: str, **keys: str) -> None:
        self._address = address
        super().__init__(**keys)

    def connect(self) -> None:
        super().connect()
        mount(self.client, self._address)


@pytest.fixture
def tweepy_client(x: Sandbox) -> tweepy.Client:
    client = tweepy.Client(x.bearer_token)
    mount(client.session, x.url)
    return client


@pytest.fixture
def twarc(x: Sandbox) -> Twarc:
    return Twarc(x.url, bearer_token=x.bearer_token)


@pytest.fixture
def xdk_client(x: Sandbox) -> xdk.Client:
    """xdk knows post words only, also where its requests do not say so."""
    x.site.dialect = "post"
    return xdk.Client(base_url=x.url, bearer_token=x.bearer_token)


def reachable(x: Sandbox, who: str) -> list[int]:
    """What X gives of an account: of the newest 3,200, those that are still there."""
    person = x.world.find(who)
    oldest = list(x.world.timeline(person))[:3_200][-1]
    return [post_id for post_id in x.world.visible(person) if post_id >= oldest]


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ArchiveOfTides", "drada_mensah", "RetroRelay"])
def test_tweepy_collects_what_is_there(x: Sandbox, tweepy_client: tweepy.Client, who: str) -> None:
    found = tweepy.Paginator(
        tweepy_client.get_users_tweets,
        x.world.find(who).uid,
        max_results=100,
        **LISTS,
    ).flatten()
    tweets = list(found)
    assert [tweet.id for tweet in tweets] == reachable(x, who)
    notes = [tweet for tweet in tweets if "note_tweet" in tweet.data]
    posts = {tweet.id: x.world.post(tweet.id) for tweet in notes}
    assert notes
    assert all(t.note_tweet["text"] == posts[t.id].note.text for t in notes)  # type: ignore[union-attr]


def test_tweepy_reads_users_with_their_errors(tweepy_client: tweepy.Client, x: Sandbox) -> None:
    answer = tweepy_client.get_users(
        usernames=["millbrook_lib", "spam_fountain", "nobody_here"], user_fields=["public_metrics"]
    )
    assert [user.username for user in answer.data] == ["millbrook_lib"]
    assert answer.data[0].public_metrics["tweet_count"] == x.world.count(
        x.world.find("millbrook_lib")
    )
    assert {error["value"] for error in answer.errors} == {"spam_fountain", "nobody_here"}


def test_tweepy_searches_and_counts(x: Sandbox, tweepy_client: tweepy.Client) -> None:
    pages = tweepy.Paginator(tweepy_client.search_recent_tweets, "from:QuayWeather", max_results=10)
    found = [tweet.id for tweet in pages.flatten()]
    counted = tweepy_client.get_recent_tweets_count("from:QuayWeather")
    assert len(found) > 50
    assert counted.meta["total_tweet_count"] == len(found)


def test_tweepy_takes_refusals_for_what_they_are(x: Sandbox, tweepy_client: tweepy.Client) -> None:
    for kind, error in (
        ("unauthorized", tweepy.Unauthorized),
        ("client-forbidden", tweepy.Forbidden),
        ("too-many-requests", tweepy.TooManyRequests),
        ("unavailable", tweepy.TwitterServerError),
    ):
        fault = x.faults.add(kind)
        with pytest.raises(error):
            tweepy_client.get_user(username="A1")
        assert fault.fired == 1


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ArchiveOfTides", "wardfive", "maktaba_bahr"])
def test_twarc_collects_what_is_there(x: Sandbox, twarc: Twarc, who: str) -> None:
    pages = twarc.timeline(str(x.world.find(who).uid))
    found = [int(tweet["id"]) for page in pages for tweet in page.get("data", [])]
    assert found == reachable(x, who)


def test_twarc_looks_up_people_by_name(x: Sandbox, twarc: Twarc) -> None:
    pages = list(twarc.user_lookup(["millbrook_lib", "gone_fishing_9"], usernames=True))
    assert [user["username"] for page in pages for user in page["data"]] == ["millbrook_lib"]
    assert [error["value"] for page in pages for error in page["errors"]] == ["gone_fishing_9"]


def test_twarc_looks_up_tweets_and_searches(x: Sandbox, twarc: Twarc) -> None:
    ids = x.world.visible(x.world.find("QuayWeather"))[:150]
    pages = twarc.tweet_lookup([str(i) for i in ids])
    assert [int(tweet["id"]) for page in pages for tweet in page["data"]] == ids
    found = [t["id"] for page in twarc.search_recent("from:QuayWeather") for t in page["data"]]
    counts = [page["meta"]["total_tweet_count"] for page in twarc.counts_recent("from:QuayWeather")]
    assert sum(counts) == len(found) > 50


@pytest.mark.slow
@pytest.mark.parametrize("who", ["ArchiveOfTides", "drada_mensah", "porto_livros"])
def test_xdk_collects_what_is_there_in_post_words(
    x: Sandbox, xdk_client: xdk.Client, who: str
) -> None:
    pages = xdk_client.users.get_posts(
        id=str(x.world.find(who).uid),
        max_results=100,
        post_fields=["created_at", "note_post", "public_metrics", "entities"],
        expansions=["author_id", "referenced_posts"],
    )
    found = [post for page in pages for post in page.data or []]
    assert [int(_of(post, "id")) for post in found] == reachable(x, who)
    notes = {
        int(_of(p, "id")): _of(_of(p, "note_post"), "text") for p in found if _of(p, "note_post")
    }
    assert notes
    assert all(x.world.post(i).note.text == text for i, text in notes.items())  # type: ignore[union-attr]


def test_xdk_reads_users_and_searches(x: Sandbox, xdk_client: xdk.Client) -> None:
    answer = xdk_client.users.get_by_usernames(usernames=["millbrook_lib", "rude_robot"])
    assert [_of(user, "username") for user in answer.data or []] == ["millbrook_lib"]
    pages = xdk_client.posts.search_recent(query="from:QuayWeather", max_results=100)
    found = [_of(post, "id") for page in pages for post in page.data or []]
    assert len(found) > 50


def _of(thing: Any, name: str) -> Any:
    """xdk gives models in some places and plain dictionaries in others."""
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
