"""The calls we make: their address, their name in counts and limits, and how people call them."""

from __future__ import annotations

from dataclasses import dataclass

from sfm.messages import Message


@dataclass(frozen=True)
class Endpoint:
    """One kind of call. Limits are calls per 15 minutes, of an app's token and of a person's.

    They hold until an answer says what the limits really are.
    Source: docs.x.com, "Rate limits", pay-per-use, 2026.
    """

    name: str
    path: str
    words: str
    app_limit: int
    user_limit: int
    is_look_up: bool = False  # asks for things by name or number, each of which has to be answered


USERS_BY_NAME = Endpoint("users/by", "/2/users/by", Message("looking up names"), 300, 900, True)
USERS_BY_ID = Endpoint("users", "/2/users", Message("looking up accounts"), 300, 900, True)
ME = Endpoint("users/me", "/2/users/me", Message("looking up oneself"), 75, 75, True)
TIMELINE = Endpoint("users/:id/tweets", "/2/users/{id}/tweets", "timelines", 10_000, 900)
POSTS = Endpoint("tweets", "/2/tweets", Message("looking up tweets"), 3_500, 5_000, True)
SEARCH = Endpoint("tweets/search/recent", "/2/tweets/search/recent", "search", 450, 300)
COUNTS = Endpoint("tweets/counts/recent", "/2/tweets/counts/recent", "counting", 300, 300)
USAGE = Endpoint("usage/tweets", "/2/usage/tweets", "usage", 50, 50)
FILTER_STREAM = Endpoint(
    "tweets/search/stream",
    "/2/tweets/search/stream",
    Message("connecting the filter stream"),
    50,
    50,
)
SAMPLE_STREAM = Endpoint(
    "tweets/sample/stream",
    "/2/tweets/sample/stream",
    Message("connecting the sample stream"),
    50,
    50,
)
RULES_READ = Endpoint(
    "rules:get", "/2/tweets/search/stream/rules", Message("reading the filter rules"), 450, 450
)
RULES_WRITE = Endpoint(
    "rules:post", "/2/tweets/search/stream/rules", Message("changing the filter rules"), 100, 100
)
CONNECTIONS = Endpoint("connections", "/2/connections", Message("looking up connections"), 450, 450)
CLOSE_CONNECTIONS = Endpoint(
    "connections:delete", "/2/connections/{id}", Message("closing connections"), 25, 25
)
