"""Fixtures for whatever collects: a sandbox whose time is the test's, and an app pointed at it.

A conftest takes them over by importing them by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from sfm.accounts import service
from sfm.config import Settings
from sfm.database import db
from sfm.models import TwitterUser, TwitterUserItem
from sfm.runs import queue
from sfm.sandbox.server import Sandbox
from sfm.sandbox.world.people import Person
from sfm.timelines import run
from sfm.twitter.client import Client
from sfm.users.clients import collecting_client, default_client
from tests.conftest import FrozenClock, sandbox_settings


@pytest.fixture
def sandbox(clock: FrozenClock) -> Iterator[Sandbox]:
    """A sandbox that lives in the test's own time, without limits."""
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    """Settings that point the app at the sandbox."""
    return sandbox_settings(instance_folder, database_url, sandbox)


@pytest.fixture
def twitter(app: object) -> Client:
    """The client that the app itself would use; it cannot wait."""
    return default_client()


def tracked(person: Person, **more: object) -> TwitterUser:
    """This person of the sandbox as an account of ours, without asking anybody. Commits."""
    user = TwitterUser(uid=person.uid, name=person.username, **more)
    db.session.add(user)
    db.session.commit()
    return user


def added(client: Client, name: str) -> TwitterUser:
    """An account added as a librarian would. Commits."""
    user = service.add_by_name(client, name)
    db.session.commit()
    return user


def held(user: TwitterUser) -> list[int]:
    """The ids of an account's posts that are in the database, newest first."""
    number = user.id
    db.session.rollback()  # see what other processes have committed meanwhile
    found = db.session.scalars(
        select(TwitterUserItem.twitter_id)
        .where(TwitterUserItem.twitter_user_id == number)
        .order_by(TwitterUserItem.twitter_id.desc())
    )
    return list(found)


def timeline_run(**params: object) -> tuple[int, dict[str, object]]:
    """A timeline run as the command makes it: its number and its result."""
    active = queue.start("user_timeline", params)
    with queue.finish(active) as result:
        result.update(run.run_timelines(active, collecting_client))
    db.session.rollback()
    return active.id, result
