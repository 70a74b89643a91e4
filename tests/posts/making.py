"""Posts made for these tests by plain functions. Each commits, so that all sessions see them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sfm.database import begin_write, db
from sfm.models import TwitterUser, TwitterUserSet, User
from sfm.networks.page import PostRecord
from sfm.posts.store import Saved, save_page
from sfm.twitter.parse.tweet import parse_line

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SNOWFLAKE_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
_numbers = itertools.count(1)


def tweet_id(at: datetime, number: int = 0) -> int:
    """The id that Twitter would give a post made at this moment."""
    return int((at - SNOWFLAKE_EPOCH) / timedelta(milliseconds=1)) << 22 | number


def make_account(username: str = "ann.archivist", **more: Any) -> User:
    """A person who signs in here."""
    return _kept(User(username=username, **more))


def make_user(name: str = "", uid: int | None = None, **more: Any) -> TwitterUser:
    """A Twitter account that is collected."""
    number = next(_numbers)
    uid = uid or 5_000_000 + number
    return _kept(TwitterUser(name=name or f"account_{number}", uid=uid, **more))


def make_set(owner: User, name: str = "Parliament", members: Iterable[TwitterUser] = ()) -> Any:
    """A set of Twitter accounts."""
    return _kept(TwitterUserSet(owner_id=owner.id, name=name, members=list(members)))


def post(
    uid: int = 101,
    text: str = "A tweet about the harbour",
    *,
    at: datetime = NOON,
    twitter_id: int | None = None,
    name: str = "ann_x",
    includes: dict[str, list[dict[str, Any]]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A v2 post as one self-contained record; `fields` go into its `data`."""
    data = {
        "id": str(twitter_id or tweet_id(at, next(_numbers))),
        "text": text,
        "author_id": str(uid),
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        **fields,
    }
    author = {"id": str(uid), "name": name.title(), "username": name}
    includes = dict(includes or {})
    includes["users"] = [author, *includes.get("users", [])]
    return {"data": data, "includes": includes}


def record(payload: dict[str, Any]) -> PostRecord:
    """A payload as the adapter hands it on."""
    raw = json.dumps(payload, ensure_ascii=False).encode()
    return PostRecord(raw, parse_line(raw))


def save(records: Iterable[PostRecord], owner: Any, captured_by: Any = "timeline") -> Saved:
    """Keep these posts, and commit."""
    begin_write()
    saved = save_page(records, captured_by=captured_by, run_id=None, owner=owner)
    db.session.commit()
    return saved


def make_tweet(user: TwitterUser, text: str = "A tweet about the harbour", **fields: Any) -> int:
    """A kept post of this account, its id given back. `fields` as for `post`."""
    made = record(post(user.uid or 0, text, name=user.name, **fields))
    saved = save([made], user.id)
    assert saved.new == 1, saved
    return made.post.twitter_id


def _kept(thing: Any) -> Any:
    db.session.add(thing)
    db.session.commit()
    return thing
