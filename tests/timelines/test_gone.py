"""Many accounts that Twitter calls gone at once are confirmed before that is entered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import func, select

from sfm.accounts import lifecycle, service
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import AccountEvent, AuditEntry, Event, Run, RunError, TwitterUser, User
from sfm.runs import queries, queue
from sfm.runs.errors import Postponed
from sfm.sandbox.server import Sandbox
from sfm.timelines.refresh_names import populate_uids, update_usernames
from sfm.twitter.client import Client
from sfm.users.clients import default_client
from tests.collecting import timeline_run, tracked
from tests.conftest import FrozenClock
from tests.pages import page, submit

Login = Callable[[User], FlaskClient]
JSON = {"Content-Type": "application/json"}
NOTHING = ["{}", "[]", '{"data":[]}', '{"title":"operational-disconnect"}',
           '{"meta":{"result_count":0}}']  # fmt: skip


def several(sandbox: Sandbox, count: int, **more: object) -> list[TwitterUser]:
    people = [person for person in sandbox.world.people if person.state == "active"][:count]
    assert len(people) == count
    return [tracked(person, **more) for person in people]


def delete(sandbox: Sandbox, accounts: list[TwitterUser]) -> None:
    """Delete these accounts at Twitter."""
    for user in accounts:
        sandbox.world.set_state(sandbox.world.find(user.name), "deleted")


def names_run(**params: object) -> dict[str, object]:
    active = queue.start("update_usernames", params)
    with queue.finish(active) as result:
        result.update(update_usernames(active, default_client()))
    db.session.rollback()
    return result


def states(accounts: list[TwitterUser]) -> list[str]:
    for user in accounts:
        db.session.refresh(user)
    return [user.state for user in accounts]


def open_events() -> list[str]:
    return list(db.session.scalars(select(Event.message).where(Event.open_key.is_not(None))))


@pytest.mark.parametrize("body", NOTHING)
def test_a_look_up_that_says_nothing_is_put_off_and_changes_nothing(
    app: Flask, sandbox: Sandbox, body: str
) -> None:
    """AP19."""
    accounts = several(sandbox, 3)
    fault = sandbox.faults.add("body", path="/2/users", times=None, body=body, headers=JSON)
    queue.enqueue("update_usernames", origin="schedule")
    db.session.commit()
    active = queue.claim(["update_usernames"])
    assert active is not None
    with pytest.raises(Postponed), queue.finish(active):
        update_usernames(active, default_client())
    assert fault.fired
    db.session.rollback()
    assert queries.find(active.id).state == "queued"
    assert states(accounts) == ["ok"] * 3
    assert [user.ask_again_at for user in accounts] == [None] * 3
    assert db.session.scalar(select(func.count()).select_from(AccountEvent)) == 0


def test_whom_a_look_up_says_nothing_of_keeps_its_state(app: Flask, sandbox: Sandbox) -> None:
    """AP19."""
    silent, other = several(sandbox, 2)
    data = {"id": str(other.uid), "name": "Other", "username": other.name}
    sandbox.faults.add(
        "body", path="/2/users", times=None, body=json.dumps({"data": [data]}), headers=JSON
    )
    result = names_run()
    assert result["changed_state"] == 0
    assert states([silent, other]) == ["ok", "ok"]
    (error,) = db.session.scalars(select(RunError))
    assert "gave no answer about the account" in error.reason
    assert not error.permanent


@pytest.mark.parametrize(
    ("asked", "gone", "is_many"),
    [(12, 5, False), (12, 6, True), (6, 3, False), (5, 3, True), (3, 2, False), (2, 2, False),
     (1, 1, False), (3, 3, True), (100, 5, False), (100, 6, True), (0, 0, False)],
)  # fmt: skip
def test_how_many_gone_at_once_are_to_be_confirmed(asked: int, gone: int, is_many: bool) -> None:
    """AP19."""
    assert lifecycle.needs_confirmation(gone, asked) is is_many


def test_many_gone_at_once_are_entered_when_a_look_up_hours_later_says_the_same(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """AP19."""
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, scheduler=True)
    accounts = several(sandbox, 12)
    gone, back = accounts[:5], accounts[5:6]
    delete(sandbox, gone + back)
    result = names_run()
    assert (result["changed_state"], result["unconfirmed"]) == (0, 6)
    assert states(accounts) == ["ok"] * 12
    assert ["6 accounts are gone" in message for message in open_events()] == [True]
    assert db.session.scalar(select(func.count()).where(RunError.reason.contains("confirmed"))) == 6
    clock.advance(lifecycle.CONFIRM_AFTER.total_seconds() - 1)
    assert queue.claim(["update_usernames"]) is None, "the second look has its time"
    assert names_run()["unconfirmed"] == 6, "a second too early"
    assert states(accounts) == ["ok"] * 12
    sandbox.world.set_state(sandbox.world.find(back[0].name), "active")
    clock.advance(1)
    again = queue.claim(["update_usernames"])
    assert again is not None
    with queue.finish(again) as second:
        second.update(update_usernames(again, default_client()))
    db.session.rollback()
    assert (second["accounts"], second["changed_state"], second["unconfirmed"]) == (6, 5, 0)
    assert states(gone) == ["not_found"] * 5
    assert states(back) == ["ok"]
    assert open_events() == []


def test_the_note_goes_when_all_are_there_again(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    accounts = several(sandbox, 6)
    delete(sandbox, accounts)
    names_run()
    assert len(open_events()) == 1
    for user in accounts:
        sandbox.world.set_state(sandbox.world.find(user.name), "active")
    timeline_run()
    assert open_events() == []
    delete(sandbox, accounts)
    clock.advance(lifecycle.CONFIRM_AFTER.total_seconds())
    names_run()
    assert states(accounts) == ["ok"] * 6, "it was said of them for the first time again"


def test_a_timeline_run_enters_no_more_gone_accounts_at_once_either(
    app: Flask, sandbox: Sandbox
) -> None:
    """AP19."""
    accounts = several(sandbox, 12)
    delete(sandbox, accounts[:6])
    timeline_run()
    assert states(accounts) == ["ok"] * 12
    assert len(open_events()) == 1
    for user in accounts[5:6]:
        sandbox.world.set_state(sandbox.world.find(user.name), "active")
    timeline_run()
    assert states(accounts) == ["not_found"] * 5 + ["ok"] * 7, "five are not too many"
    assert all(user.ask_again_at for user in accounts[:5])
    assert open_events() == []


def test_activating_many_that_are_gone_changes_no_state(
    app: Flask, sandbox: Sandbox, twitter: Client
) -> None:
    """AP19."""
    accounts = several(sandbox, 6, is_active=False)
    delete(sandbox, accounts)
    switched = service.activate_many(twitter, [user.id for user in accounts])
    db.session.commit()
    assert (switched.changed, len(switched.refused)) == (0, 6)
    assert states(accounts) == ["ok"] * 6


def test_a_missing_uid_that_nothing_is_said_of_is_no_missing_account(
    app: Flask, sandbox: Sandbox
) -> None:
    """AP19."""
    account = TwitterUser(name="millbrook_lib")
    db.session.add_all([account, TwitterUser(name="FerryNotes")])
    db.session.commit()
    ferry = sandbox.world.find("FerryNotes")
    data = {"id": str(ferry.uid), "name": "Ferry", "username": "FerryNotes"}
    sandbox.faults.add(
        "body", path="/2/users/by", times=None, body=json.dumps({"data": [data]}), headers=JSON
    )
    active = queue.start("populate_uids")
    with queue.finish(active) as result:
        result.update(populate_uids(active, default_client()))
    assert result["filled"] == 1
    (error,) = db.session.scalars(select(RunError))
    assert (error.subject, error.permanent) == ("millbrook_lib", False)
    assert "gave no answer" in error.reason


def test_a_command_names_them_asks_and_confirms(
    app: Flask, sandbox: Sandbox, runner: FlaskCliRunner
) -> None:
    accounts = several(sandbox, 6)
    delete(sandbox, accounts)
    names_run()
    refused = runner.invoke(args=["confirm_gone"], input="n\n")
    assert refused.exit_code == 1
    assert states(accounts) == ["ok"] * 6
    done = runner.invoke(args=["confirm_gone", "--yes"])
    assert done.stdout.splitlines()[:-1] == sorted((user.name for user in accounts), key=str.lower)
    assert states(accounts) == ["not_found"] * 6
    assert "twitter_user.gone_confirmed" in db.session.scalars(select(AuditEntry.action)).all()
    assert "No account waits" in runner.invoke(args=["confirm_gone"]).stdout


def test_an_administrator_confirms_on_the_first_page(
    app: Flask, sandbox: Sandbox, login_as: Login, superuser: User, reader: User
) -> None:
    """AP19."""
    accounts = several(sandbox, 6)
    delete(sandbox, accounts)
    names_run()
    run_id = db.session.scalars(select(func.min(Run.id))).one()
    assert "6 accounts are gone" in page(login_as(reader), f"/runs/{run_id}/").text
    where = "/admin/twitter-users/confirm-gone/"
    assert login_as(reader).post(where).status_code in (400, 403)
    assert states(accounts) == ["ok"] * 6
    client = login_as(superuser)
    listed = page(client, "/admin/twitter-users/?state=unconfirmed").text
    assert all(user.name in listed for user in accounts)
    submit(client, page(client, "/"), where)
    assert states(accounts) == ["not_found"] * 6
    assert all(user.ask_again_at - user.state_since == timedelta(days=7) for user in accounts)
    assert open_events() == []
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert "twitter_user.gone_confirmed" in actions
    assert "confirm-gone" not in page(client, "/").text
    begin_write()
    assert lifecycle.confirm_gone() == 0
    db.session.rollback()
