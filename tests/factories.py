"""Rows that tests start from, made the way the app makes them. Everything is committed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sfm import clock
from sfm.accounts import sets
from sfm.accounts.names import rename
from sfm.database import begin_write, db
from sfm.models import AccountEvent, Run, RunError, TwitterUser, TwitterUserSet, User
from sfm.posts.store import save_page
from sfm.twitter.parse.response import split_page

_numbers = itertools.count(1)


def make_user(username: str = "", **more: Any) -> User:
    """A person who signs in."""
    user = User(username=username or f"person{next(_numbers)}", **more)
    db.session.add(user)
    db.session.commit()
    return user


def make_twitter_user(name: str = "", **more: Any) -> TwitterUser:
    """A collected account."""
    number = next(_numbers)
    more.setdefault("uid", 1_000_000 + number)
    user = TwitterUser(name=name or f"account_{number}", **more)
    db.session.add(user)
    db.session.flush()
    db.session.add(AccountEvent(twitter_user_id=user.id, kind="added", after=user.name))
    db.session.commit()
    return user


def rename_to(twitter_user: TwitterUser, name: str) -> TwitterUser:
    """The account under another name, its old one kept."""
    rename(twitter_user, name)
    db.session.commit()
    return twitter_user


def make_set(
    owner: User, name: str = "Elections", members: Sequence[TwitterUser] = ()
) -> TwitterUserSet:
    """A set of accounts."""
    made = sets.create(owner, name)
    sets.add_members(made, [member.id for member in members])
    db.session.commit()
    return made


def tweet_id_at(moment: datetime) -> int:
    """An id as Twitter would have given out at this moment."""
    milliseconds = int(moment.timestamp() * 1000) - clock.SNOWFLAKE_EPOCH_MS
    return (milliseconds << 22) | (next(_numbers) & 0x3FFFFF)


def v2_post(twitter_user: TwitterUser, text: str, at: datetime, **more: Any) -> dict[str, Any]:
    """A post as X's v2 sends it."""
    return {
        "id": str(tweet_id_at(at)),
        "text": text,
        "author_id": str(twitter_user.uid),
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "lang": "en",
        **more,
    }


def make_tweets(
    twitter_user: TwitterUser, texts: Sequence[str], *, at: datetime | None = None, **more: Any
) -> list[int]:
    """Posts with these texts, a minute apart, the last one made at `at` (now); their ids."""
    last = at or clock.now()
    posts = [
        v2_post(twitter_user, text, last - timedelta(minutes=len(texts) - 1 - place), **more)
        for place, text in enumerate(texts)
    ]
    author = {"id": str(twitter_user.uid), "username": twitter_user.name, "name": "Some Name"}
    body = json.dumps({"data": posts, "includes": {"users": [author]}}).encode()
    begin_write()
    save_page(split_page(body).records, captured_by="timeline", run_id=None, owner=twitter_user.id)
    db.session.commit()
    return [int(post["id"]) for post in posts]


def make_run(kind: str = "user_timeline", state: str = "finished", **more: Any) -> Run:
    """A run, with the times that fit its state."""
    now = clock.now()
    times = {"started_at": now - timedelta(minutes=5), "heartbeat_at": now}
    if state in ("finished", "failed", "cancelled"):
        times["finished_at"] = now
    run = Run(kind=kind, state=state, **{**({} if state == "queued" else times), **more})
    db.session.add(run)
    db.session.commit()
    return run


def make_run_error(run: Run, twitter_user: TwitterUser, reason: str) -> RunError:
    """An account that failed in a run."""
    error = RunError(
        run_id=run.id, twitter_user_id=twitter_user.id, subject=twitter_user.name, reason=reason
    )
    db.session.add(error)
    db.session.commit()
    return error
