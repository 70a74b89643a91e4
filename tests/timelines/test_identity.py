"""A page is kept for the account that was asked for, and for no other that has its number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.errors import NotFound
from sfm.models import RunError, TwitterUser, TwitterUserItem
from sfm.posts.delete import remove_account
from sfm.runs import queue
from sfm.sandbox.server import Sandbox
from sfm.sandbox.world.people import Person
from sfm.timelines import run
from sfm.timelines.collect import CollectResult, collect, load_cursors
from sfm.twitter.client import Client
from sfm.users.clients import collecting_client
from tests.collecting import held, tracked
from tests.conftest import sandbox_settings


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox, timeline_threads=1)


def replace_account(number: int, right: Person, *, same_number: bool) -> int:
    """Delete an account and add the right one, which once could get its number; its number."""
    begin_write()
    remove_account(db.session.get_one(TwitterUser, number))
    db.session.commit()
    return tracked(right, **({"id": number} if same_number else {})).id


def is_untouched(number: int, person: Person) -> bool:
    row = db.session.get_one(TwitterUser, number, populate_existing=True)
    places = (row.held_to_id, row.pass_newest_id, row.pass_oldest_id, row.collected_at)
    return (row.uid, row.name, row.former_names) == (person.uid, person.username, {}) and not any(
        places
    )


@pytest.mark.parametrize("same_number", [True, False])
def test_what_was_read_ahead_is_not_kept_for_the_account_added_instead(
    same_number: bool, twitter: Client, sandbox: Sandbox
) -> None:
    """L-1 (a): the wrong namesake is deleted during a run, and the right one added."""
    wrong, right = sandbox.world.find("FerryNotes"), sandbox.world.find("HarborCouncil")
    number = tracked(wrong).id
    begun = load_cursors([number])
    present = replace_account(number, right, same_number=same_number)
    assert (present == number) is same_number
    with pytest.raises(NotFound, match="another uid" if same_number else "deleted here"):
        collect(twitter, queue.start("user_timeline"), number, begun[number])
    db.session.rollback()
    assert held(db.session.get_one(TwitterUser, present)) == []
    assert is_untouched(present, right)


def test_the_run_goes_on_and_says_whose_page_was_refused(sandbox: Sandbox, app: object) -> None:
    first, wrong = sandbox.world.find("millbrook_lib"), sandbox.world.find("FerryNotes")
    right = sandbox.world.find("HarborCouncil")
    tracked(first)
    number = tracked(wrong).id
    active = queue.start("user_timeline")
    once: list[Callable[[], int]] = [lambda: replace_account(number, right, same_number=True)]

    def listener(_name: str, _outcome: CollectResult | str) -> None:
        if once:
            once.pop()()

    with queue.finish(active) as result:
        result.update(run.run_timelines(active, collecting_client, listener=listener))
    db.session.rollback()
    assert (result["accounts"], result["failed"]) == (2, 1)
    error = db.session.scalars(select(RunError)).one()
    assert (error.subject, "another uid" in error.reason) == (wrong.username, True)
    assert is_untouched(number, right)
    by_wrong = select(func.count()).where(TwitterUserItem.author_uid == wrong.uid)
    assert db.session.scalar(by_wrong) == 0
