"""What the tests of the sandbox share. They import nothing of sfm but the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from sfm.sandbox.server import Sandbox
from tests.sandbox.held_time import HeldTime

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CAPTURE = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,display_text_range,"
    "edit_controls,edit_history_tweet_ids,entities,geo,id,in_reply_to_user_id,lang,note_tweet,"
    "possibly_sensitive,public_metrics,referenced_tweets,reply_settings,text,withheld",
    "expansions": "author_id,attachments.media_keys,attachments.poll_ids,edit_history_tweet_ids,"
    "entities.mentions.username,geo.place_id,in_reply_to_user_id,referenced_tweets.id,"
    "referenced_tweets.id.author_id,referenced_tweets.id.attachments.media_keys",
    "user.fields": "created_at,description,entities,id,location,name,profile_image_url,protected,"
    "public_metrics,url,username,verified,verified_type,withheld",
    "media.fields": "alt_text,duration_ms,height,media_key,preview_image_url,public_metrics,type,"
    "url,variants,width",
    "place.fields": "contained_within,country,country_code,full_name,geo,id,name,place_type",
    "poll.fields": "duration_minutes,end_datetime,id,options,voting_status",
}


@pytest.fixture
def x() -> Iterator[Sandbox]:
    """A sandbox at noon of one day, of its own for each test."""
    with Sandbox(clock=HeldTime(NOON)) as sandbox:
        yield sandbox


Get = Callable[..., requests.Response]


@pytest.fixture
def get(x: Sandbox) -> Iterator[Get]:
    """GET a path of the sandbox with the app's token; parameters as a dict."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {x.bearer_token}"

        def call(path: str, params: dict[str, Any] | None = None, **more: Any) -> requests.Response:
            return session.get(x.url + path, params=params, timeout=10, **more)

        yield call


def pages(get: Get, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every page from here to the last."""
    token: str | None = None
    while True:
        body = get(path, {**params, **({"pagination_token": token} if token else {})}).json()
        yield body
        token = body.get("meta", {}).get("next_token")
        if token is None:
            return
