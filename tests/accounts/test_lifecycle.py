"""The life line: states with dates, names with their capitals, and who is asked again when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from sfm.accounts import lifecycle, queries
from sfm.accounts import names as account_names
from sfm.database import begin_write, db
from sfm.models import AccountEvent, FormerName, TwitterUser
from sfm.sandbox.server import Sandbox
from sfm.twitter.client import Client
from tests.collecting import added
from tests.conftest import FrozenClock


def look_again(client: Client, user: TwitterUser) -> dict[int, bool]:
    changed: dict[int, bool] = {}
    for batch in list(client.accounts_by_uid([user.uid or 0])):
        begin_write()
        changed |= lifecycle.apply_batch(batch)
        db.session.commit()
    return changed


def test_each_change_of_state_has_its_date_and_event(
    twitter: Client, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """AP3."""
    user = added(twitter, "millbrook_lib")
    person = sandbox.world.find("millbrook_lib")
    seen = []
    for state in ("protected", "active", "suspended", "active", "deleted", "deleted", "active"):
        clock.advance(3600)
        sandbox.world.set_state(person, state)
        changed = look_again(twitter, user)
        seen.append((user.state, changed[user.id], user.state_since == clock.now()))
        weekly = None if user.state == "ok" else user.state_since + timedelta(days=7)
        assert user.ask_again_at == weekly
    assert seen == [
        ("protected", True, True),
        ("ok", True, True),
        ("suspended", True, True),
        ("ok", True, True),
        ("not_found", True, True),
        ("not_found", False, False),
        ("ok", True, True),
    ]
    kinds = db.session.scalars(select(AccountEvent.kind).order_by(AccountEvent.id)).all()
    assert list(kinds) == [
        "added", "protected", "back", "suspended", "back", "not_found", "back",
    ]  # fmt: skip


def test_one_bad_uid_does_not_spoil_the_batch(twitter: Client, sandbox: Sandbox) -> None:
    fine, bad = added(twitter, "millbrook_lib"), added(twitter, "FerryNotes")
    sandbox.world.set_state(sandbox.world.find("FerryNotes"), "suspended")
    sandbox.world.rename(sandbox.world.find("millbrook_lib"), "millbrook_new")
    for batch in list(twitter.accounts_by_uid([fine.uid or 0, bad.uid or 0, 2**63])):
        begin_write()
        lifecycle.apply_batch(batch)
        db.session.commit()
    assert (fine.name, fine.state) == ("millbrook_new", "ok")
    assert (bad.name, bad.state) == ("FerryNotes", "suspended")


def test_capitals_are_a_change_of_name_but_no_other_address(
    twitter: Client, sandbox: Sandbox, clock: FrozenClock
) -> None:
    user = added(twitter, "millbrook_lib")
    clock.advance(5)
    sandbox.world.rename(sandbox.world.find("millbrook_lib"), "Millbrook_Lib")
    assert look_again(twitter, user) == {user.id: True}
    assert user.name == "Millbrook_Lib"
    assert user.former_names == {"2026-11-22T12:00:05Z": "millbrook_lib"}
    assert db.session.scalars(select(FormerName)).all() == []
    assert list(queries.by_name("millbrook_lib").now) == [user]


def test_two_names_in_one_second_are_both_kept(twitter: Client) -> None:
    user = added(twitter, "millbrook_lib")
    begin_write()
    assert account_names.rename(user, "second")
    assert account_names.rename(user, "third")
    assert not account_names.rename(user, "third")
    db.session.commit()
    assert list(user.former_names.values()) == ["millbrook_lib", "second"]
    assert queries.by_name("MILLBROOK_lib").unambiguous == user
    assert queries.by_name("second").unambiguous == user


def test_a_record_of_another_uid_is_never_taken_over(twitter: Client) -> None:
    user = added(twitter, "millbrook_lib")
    with pytest.raises(ValueError, match="another uid"):
        lifecycle.apply_profile(user, twitter.account_by_name("FerryNotes"))


def test_former_names_find_their_account_and_search_finds_both(
    twitter: Client, sandbox: Sandbox
) -> None:
    user = added(twitter, "millbrook_lib")
    begin_write()
    account_names.rename(user, "new_name")
    db.session.commit()
    assert queries.by_name("nobody").unambiguous is None
    assert list(queries.search("millbr")) == [user]
    assert list(queries.search("@NEW_N")) == [user]
    assert list(queries.search("w%na")) == []
    assert list(queries.search("_")) == [user], "an underscore is no wildcard"


def from_a_to_z(letter: str = "") -> list[TwitterUser]:
    statement = queries.beginning_with(letter).order_by(*queries.A_TO_Z)
    return list(db.session.scalars(statement))


def test_accounts_from_a_to_z_come_page_by_page(app: object) -> None:
    names = ["_under", "9lives", "alpha", "Beta", "beta2", "zeta"]
    for number, name in enumerate(names, start=1):
        db.session.add(TwitterUser(uid=number, name=name, is_active=name != "zeta"))
    db.session.commit()
    first = from_a_to_z()[:4]
    rest = from_a_to_z()[4:]
    assert sorted(user.name for user in [*first, *rest]) == sorted(names)
    assert [user.name for user in from_a_to_z("b")] == ["Beta", "beta2"]
    assert {user.name for user in from_a_to_z("#")} == {"_under", "9lives"}
    assert [user.name for user in from_a_to_z() if not user.is_active] == ["zeta"]
    assert from_a_to_z("%") == []
