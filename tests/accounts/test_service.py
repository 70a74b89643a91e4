"""Adding, switching on and off: what is refused says why, and leaves nothing behind."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from sfm.accounts import queries, service
from sfm.database import begin_write, db
from sfm.errors import WrongInput
from sfm.models import AccountEvent, TwitterUser
from sfm.networks.errors import Retry
from sfm.sandbox.server import Sandbox
from sfm.twitter.client import Client
from tests.collecting import added
from tests.conftest import FrozenClock


def events(user: TwitterUser) -> list[str]:
    found = db.session.scalars(
        select(AccountEvent.kind)
        .where(AccountEvent.twitter_user_id == user.id)
        .order_by(AccountEvent.id)
    )
    return list(found)


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(TwitterUser)) or 0


def test_an_account_is_kept_in_twitters_own_capitals(twitter: Client, sandbox: Sandbox) -> None:
    user = added(twitter, "  @harborcouncil ")
    person = sandbox.world.find("HarborCouncil")
    assert (user.name, user.lower_name, user.uid) == ("HarborCouncil", "harborcouncil", person.uid)
    assert (user.is_active, user.state) == (True, "ok")
    assert user.statuses_count
    assert user.created_on_twitter_at
    assert events(user) == ["added"]
    assert len(sandbox.served) == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("nobody_at_all", "no account called nobody_at_all"),
        ("spam_fountain", "suspended the account spam_fountain"),
        ("gone_fishing_9", "gone_fishing_9"),
        ("two words", "cannot be a Twitter account"),
        ("", "cannot be a Twitter account"),
        ("sixteen_letters_", "cannot be a Twitter account"),
    ],
)
def test_what_cannot_be_collected_is_refused_and_nothing_is_stored(
    twitter: Client, typed: str, says: str
) -> None:
    with pytest.raises(WrongInput, match=says):
        service.add_by_name(twitter, typed)
    db.session.rollback()
    assert count() == 0


def test_names_that_cannot_be_are_refused_without_asking(twitter: Client, sandbox: Sandbox) -> None:
    with pytest.raises(WrongInput):
        service.add_by_name(twitter, "two words")
    assert sandbox.served == []


def test_an_account_that_is_here_is_refused_and_named(twitter: Client, sandbox: Sandbox) -> None:
    added(twitter, "millbrook_lib")
    with pytest.raises(WrongInput, match="millbrook_lib is here already"):
        service.add_by_name(twitter, "MILLBROOK_LIB")
    sandbox.world.rename(sandbox.world.find("millbrook_lib"), "millbrook2")
    with pytest.raises(
        WrongInput, match="millbrook2 is here already under its former name millbrook_lib"
    ):
        service.add_by_name(twitter, "millbrook2")
    db.session.rollback()
    assert count() == 1


def test_a_protected_account_is_refused_without_a_word_for_it(twitter: Client) -> None:
    """U-12."""
    with pytest.raises(service.ProtectedAccount, match="quiet_keeper is protected"):
        service.add_by_name(twitter, "quiet_keeper")
    assert count() == 0


def test_a_protected_account_is_added_and_marked(twitter: Client) -> None:
    user = service.add_by_name(twitter, "quiet_keeper", with_protected=True)
    db.session.commit()
    assert user.state == "protected"
    assert "protected" in user.state_reason
    assert user.ask_again_at is None, "it is asked once"
    assert events(user) == ["added", "protected"]


def test_trouble_with_twitter_stores_nothing(twitter: Client, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("bad-gateway", times=None)
    with pytest.raises(Retry):
        service.add_by_name(twitter, "millbrook_lib")
    db.session.rollback()
    assert fault.fired
    assert count() == 0


def test_deactivation_is_always_allowed_and_asks_nobody(twitter: Client, sandbox: Sandbox) -> None:
    user = added(twitter, "millbrook_lib")
    sandbox.world.set_state(sandbox.world.find("millbrook_lib"), "deleted")
    sandbox.site.served.clear()
    service.deactivate(user)
    db.session.commit()
    assert not user.is_active
    assert sandbox.served == []
    assert events(user) == ["added", "deactivated"]


def test_activation_looks_up_by_uid_and_takes_a_new_name_over(
    twitter: Client, sandbox: Sandbox, clock: FrozenClock
) -> None:
    user = added(twitter, "millbrook_lib")
    service.deactivate(user)
    db.session.commit()
    clock.advance(60)
    sandbox.world.rename(sandbox.world.find("millbrook_lib"), "Millbrook2")
    user = service.activate_again(twitter, user.id)
    db.session.commit()
    assert (user.name, user.is_active) == ("Millbrook2", True)
    assert user.former_names == {"2026-11-22T12:01:00Z": "millbrook_lib"}
    assert events(user) == ["added", "deactivated", "renamed", "activated"]
    assert queries.by_name("millbrook_lib").unambiguous == user


@pytest.mark.parametrize("state", ["deleted", "suspended"])
def test_an_account_that_is_gone_cannot_be_activated(
    twitter: Client, sandbox: Sandbox, state: str
) -> None:
    user = added(twitter, "millbrook_lib")
    service.deactivate(user)
    db.session.commit()
    sandbox.world.set_state(sandbox.world.find("millbrook_lib"), state)
    with pytest.raises(WrongInput, match="millbrook_lib"):
        service.activate_again(twitter, user.id)
    db.session.rollback()
    assert not db.session.get_one(TwitterUser, user.id).is_active


def test_a_name_that_passed_on_joins_nothing(twitter: Client, sandbox: Sandbox) -> None:
    """AP5: the first account still stands under the name that the second has now."""
    first = added(twitter, "millbrook_lib")
    world = sandbox.world
    old, new = world.find("millbrook_lib"), world.find("FerryNotes")
    world.pass_name_on(old, new, "millbrook_now")
    second = added(twitter, "millbrook_lib")
    assert {first.uid, second.uid} == {old.uid, new.uid}
    assert (first.name, second.name) == ("millbrook_now", "millbrook_lib")
    assert events(first) == ["added", "renamed", "name_reused"]
    assert events(second) == ["added"]
    found = queries.by_name("millbrook_lib")
    assert (list(found.now), list(found.once)) == ([second], [first])


def test_a_newcomer_with_a_former_name_flags_the_account_that_had_it(
    twitter: Client, sandbox: Sandbox
) -> None:
    first = added(twitter, "millbrook_lib")
    sandbox.world.rename(sandbox.world.find("millbrook_lib"), "millbrook_now")
    service.deactivate(first)
    service.activate_again(twitter, first.id)
    db.session.commit()
    sandbox.world.rename(sandbox.world.find("FerryNotes"), "millbrook_lib")
    second = added(twitter, "millbrook_lib")
    assert first.id != second.id
    assert events(first)[-1] == "name_reused"


def test_adding_begins_its_write_after_the_answer(app: Flask, twitter: Client) -> None:
    """What the caller had under way is its own to commit before."""
    begin_write()
    db.session.add(TwitterUser(uid=1, name="one"))
    db.session.commit()
    added(twitter, "millbrook_lib")
    assert count() == 2
