"""Whose trouble a failure is: one account's, the credential's, or everybody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from sfm import clock as clocks
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import Credential, Run, RunError, TwitterUser
from sfm.networks.errors import CredentialProblem, Retry
from sfm.runs import queue
from sfm.runs.errors import Postponed
from sfm.sandbox.server import Sandbox
from sfm.timelines import failures
from sfm.timelines import run as timelines
from sfm.timelines.due import due_accounts
from sfm.timelines.failures import Failures
from sfm.users import credentials, service
from sfm.users.clients import collecting_client
from tests.collecting import held, timeline_run, tracked
from tests.conftest import FrozenClock
from tests.run_lists import list_runs

TIMELINES = "/2/users/*/tweets"
BARE_REFUSALS = {
    401: '{"error":"Unauthorized"}',
    403: '{"error":"Forbidden","request":"/1/x.json"}',
}
JSON = {"Content-Type": "application/json"}


def one_thread(app: Flask) -> None:
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, timeline_threads=1)


def several(sandbox: Sandbox, count: int) -> list[TwitterUser]:
    """So many accounts that can be read, in the order in which a run asks for them."""
    people = (
        person
        for person in sandbox.world.people
        if person.state == "active" and 0 < len(sandbox.world.visible(person)) < 200
    )
    accounts = [tracked(person) for person, _ in zip(people, range(count), strict=False)]
    assert len(accounts) == count
    return accounts


def last_run() -> Run:
    db.session.rollback()
    return list_runs()[0]


def reasons() -> dict[str, str]:
    db.session.rollback()
    return {row.subject: row.reason for row in db.session.scalars(select(RunError))}


def standing(accounts: list[TwitterUser]) -> list[tuple[str, int, datetime | None]]:
    for user in accounts:
        db.session.refresh(user)
    return [(user.state, user.failures, user.ask_again_at) for user in accounts]


def due_now() -> dict[int, str]:
    db.session.rollback()
    return due_accounts(clocks.now()).names


def scheduled_try(clock: FrozenClock | None = None) -> None:
    active = queue.claim(["user_timeline"])
    assert active is not None
    if clock is not None:
        clock.advance(1)
    with queue.finish(active) as result:
        result.update(timelines.run_timelines(active, collecting_client))


@pytest.mark.parametrize("kind", ["unavailable", "reset"])
def test_an_outage_of_seventy_minutes_puts_nobody_aside(
    app: Flask, sandbox: Sandbox, clock: FrozenClock, kind: str
) -> None:
    """JB17."""
    accounts = several(sandbox, 12)
    fault = sandbox.faults.add(kind, times=None)
    begin_write()
    queue.enqueue("user_timeline", origin="schedule")
    db.session.commit()
    for _ in range(failures.MAX_FAILURES + 1):
        with pytest.raises(Postponed):
            scheduled_try()
        assert last_run().state == "queued"
        clock.advance(failures.RETRY_WHEN_DOWN.total_seconds() + 1)
    assert fault.fired
    assert standing(accounts) == [("ok", 0, None)] * 12
    assert len(due_now()) == 12
    sandbox.faults.clear()
    scheduled_try()
    assert last_run().state == "finished"
    assert all(held(user) for user in accounts)


def test_an_outage_that_begins_before_the_last_accounts_of_a_run_is_counted_on_none(
    app: Flask, sandbox: Sandbox
) -> None:
    """JB17."""
    one_thread(app)
    read, *others = several(sandbox, failures.MAX_IN_A_ROW)
    calls = len(range(0, len(sandbox.world.visible(sandbox.world.find(read.name))), 100))
    fault = sandbox.faults.add("unavailable", path=TIMELINES, after=calls, times=None)
    timeline_run()
    assert fault.fired
    assert last_run().state == "finished"
    assert held(read)
    assert set(reasons()) == {user.name for user in others}
    assert standing(others) == [("ok", 0, None)] * len(others)


def test_a_run_taken_up_again_asks_only_whom_it_has_not_asked_and_goes_on_counting(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """JB23: K-13."""
    one_thread(app)
    read, *others = several(sandbox, failures.MAX_IN_A_ROW + 2)
    for user in others:
        sandbox.faults.add("unavailable", path=f"/2/users/{user.uid}/tweets", times=None)
    begin_write()
    queue.enqueue("user_timeline", origin="schedule")
    db.session.commit()
    with pytest.raises(Postponed):
        scheduled_try(clock)
    assert held(read)
    sandbox.faults.clear()
    sandbox.site.served.clear()
    clock.advance(failures.RETRY_WHEN_DOWN.total_seconds() + 1)
    scheduled_try()
    assert not any(str(read.uid) in one.path for one in sandbox.served)
    assert all(held(user) for user in others)
    run = last_run()
    assert (run.state, run.done, run.total) == ("finished", len(others) + 1, len(others) + 1)
    assert run.result["accounts"] == len(others) + 1
    assert run.result["new"] == sum(len(held(user)) for user in [read, *others])


def test_an_account_is_left_out_by_one_run_after_five_failures_of_its_own(
    app: Flask, sandbox: Sandbox
) -> None:
    """JB14, JB17."""
    failing, *others = several(sandbox, 3)
    fault = sandbox.faults.add("html", path=f"/2/users/{failing.uid}/tweets", times=None)
    for number in range(1, failures.MAX_FAILURES):
        timeline_run()
        assert standing([failing]) == [("ok", number, None)]
    timeline_run()
    assert fault.fired
    assert failing.id not in due_now()
    assert "five times in a row" in reasons()[failing.name]
    assert standing(others) == [("ok", 0, None)] * 2
    sandbox.site.served.clear()
    timeline_run()
    assert not any(str(failing.uid) in one.path for one in sandbox.served), "this run leaves it out"
    assert failing.id in due_now(), "and the next one asks"
    sandbox.faults.clear()
    timeline_run()
    assert standing([failing]) == [("ok", 0, None)]
    again = sandbox.faults.add("html", path=f"/2/users/{failing.uid}/tweets", times=None)
    timeline_run()
    assert again.fired
    assert standing([failing]) == [("ok", 1, None)], "counted anew after a success"


def test_a_named_reason_ends_the_row_of_passing_failures(app: Flask, sandbox: Sandbox) -> None:
    account, _other = several(sandbox, 2)
    sandbox.faults.add("html", path=f"/2/users/{account.uid}/tweets", times=7 * 2)
    timeline_run()
    timeline_run()
    assert standing([account])[0][1] == 2
    sandbox.world.set_state(sandbox.world.find(account.name), "suspended")
    timeline_run()
    assert standing([account])[0][:2] == ("suspended", 0)


def test_a_run_in_which_nothing_could_be_read_is_a_failed_one(
    app: Flask, sandbox: Sandbox, runner: FlaskCliRunner
) -> None:
    """JB17."""
    accounts = several(sandbox, failures.MAX_IN_A_ROW - 1)
    fault = sandbox.faults.add("unavailable", times=None)
    done = runner.invoke(args=["user_timeline"])
    assert fault.fired
    assert done.exit_code == 1
    assert last_run().state == "failed"
    assert "503" in last_run().message
    assert len(reasons()) == len(accounts)
    assert standing(accounts) == [("ok", 0, None)] * len(accounts)


def test_a_run_in_which_one_of_two_is_read_is_finished(
    app: Flask, sandbox: Sandbox, runner: FlaskCliRunner
) -> None:
    failing, _other = several(sandbox, 2)
    sandbox.faults.add("unavailable", path=f"/2/users/{failing.uid}/tweets", times=None)
    done = runner.invoke(args=["user_timeline"])
    assert done.exit_code == 0
    assert last_run().state == "finished"
    assert "1 could not be read" in done.output


def test_once_nobody_answers_further_accounts_are_not_waited_for_as_long(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    one_thread(app)
    several(sandbox, 12)
    sandbox.faults.add("reset", times=None)
    began = clock.now()
    with pytest.raises(Postponed):
        timeline_run()
    waited = (clock.now() - began).total_seconds()
    assert 63 <= waited <= 80 + 4 * 4, "the first one is waited for as before"
    assert len(reasons()) == failures.MAX_IN_A_ROW


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_a_reason_is_first_one_accounts(
    app: Flask, sandbox: Sandbox, status: int
) -> None:
    """AP17."""
    begin_write()
    user = service.create("ann", "seven purple umbrellas rust").user
    credentials.save(user, credentials.bearer(sandbox.bearer_token))
    db.session.commit()
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, twitter_default_username="ann")
    failing, *others = several(sandbox, 8)
    fault = sandbox.faults.add(
        "body", path=f"/2/users/{failing.uid}/tweets", times=None, status=status,
        body=BARE_REFUSALS[status], headers=JSON,
    )  # fmt: skip
    _, result = timeline_run()
    assert fault.fired == 1
    assert (result["accounts"], result["failed"]) == (8, 1)
    assert all(held(user) for user in others)
    (told,) = reasons().items()
    assert told[0] == failing.name
    assert f"({status}) and gave no reason" in told[1]
    assert "plan" not in told[1]
    assert last_run().state == "finished"
    assert db.session.scalars(select(Credential)).one().state != "refused"
    assert standing([failing]) == [("ok", 1, None)]


def test_a_credential_that_is_revoked_during_a_run_ends_it_at_the_second_account(
    app: Flask, sandbox: Sandbox
) -> None:
    one_thread(app)
    accounts = several(sandbox, 4)
    sandbox.faults.add("unauthorized", path=f"/2/users/{accounts[1].uid}/tweets", times=None)
    sandbox.faults.add("unauthorized", path=f"/2/users/{accounts[2].uid}/tweets", times=None)
    sandbox.faults.add("unauthorized", path="/2/users/by", times=None)
    with pytest.raises(CredentialProblem, match="refused the key"):
        timeline_run()
    assert held(accounts[0])
    assert list(reasons()) == [accounts[1].name]
    assert held(accounts[3]) == []
    assert standing(accounts[1:]) == [("ok", 0, None)] * 3


@pytest.mark.parametrize("refused", [failures.MAX_IN_A_ROW - 1, failures.MAX_IN_A_ROW])
def test_refusals_of_next_accounts_end_a_run_though_the_credential_is_accepted(
    app: Flask, sandbox: Sandbox, refused: int
) -> None:
    one_thread(app)
    accounts = several(sandbox, failures.MAX_IN_A_ROW + 2)
    for user in accounts[:refused]:
        sandbox.faults.add("forbidden", path=f"/2/users/{user.uid}/tweets", times=None)
    if refused < failures.MAX_IN_A_ROW:
        _, result = timeline_run()
        assert result["failed"] == refused
        assert all(held(user) for user in accounts[refused:])
        assert standing(accounts[:refused]) == [("ok", 1, None)] * refused
    else:
        with pytest.raises(CredentialProblem, match="forbids this call"):
            timeline_run()
        assert standing(accounts) == [("ok", 0, None)] * len(accounts)
    assert list(reasons()) == [user.name for user in accounts[:refused]]
    checks = [one for one in sandbox.served if one.path == "/2/users/by"]
    assert len(checks) == 1, "one check for a row of refusals"


def test_a_missing_address_for_one_account_is_no_word_about_a_setting(
    app: Flask, sandbox: Sandbox
) -> None:
    one_thread(app)
    _first, failing, _last = several(sandbox, 3)
    sandbox.faults.add("not-found", path=f"/2/users/{failing.uid}/tweets", times=None)
    timeline_run()
    assert "(404)" in reasons()[failing.name]
    assert "TWITTER_API_ROOT" not in reasons()[failing.name]


def test_posts_kept_of_an_account_that_broke_off_are_counted(
    app: Flask, sandbox: Sandbox, runner: FlaskCliRunner
) -> None:
    user = tracked(sandbox.world.find("HarborCouncil"))
    other = tracked(sandbox.world.find("seven_posts"))
    sandbox.faults.add("html", query="pagination_token", times=None)
    done = runner.invoke(args=["user_timeline"])
    kept = len(held(user)) + len(held(other))
    assert 0 < len(held(user)) <= 100
    assert f"{kept} new posts, 1 could not be read" in done.output


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"title":"operational-disconnect"}'])
def test_an_answer_that_is_no_page_is_asked_for_again(
    app: Flask, sandbox: Sandbox, body: str
) -> None:
    """AP18."""
    failing, *_others = several(sandbox, 2)
    once = sandbox.faults.add(
        "body", path=f"/2/users/{failing.uid}/tweets", times=1, body=body, headers=JSON
    )
    _, result = timeline_run()
    assert once.fired == 1
    assert (result["failed"], bool(held(failing))) == (0, True)
    sandbox.faults.add(
        "body", path=f"/2/users/{failing.uid}/tweets", times=None, body=body, headers=JSON
    )
    _, result = timeline_run()
    assert result["failed"] == 1
    assert list(reasons()) == [failing.name]


def test_what_the_failures_of_a_run_say() -> None:
    trouble = Retry("No answer.")
    known = Failures()
    for number in range(1, failures.MAX_IN_A_ROW):
        known.record_failed(number, trouble, 0)
        assert not known.is_down
    known.record_failed(failures.MAX_IN_A_ROW, trouble, 0)
    assert known.is_down
    assert known.is_common
    assert known.accounts_at_fault() == []
    assert known.record_read("key") == [1, 2, 3, 4, 5]
    assert not known.is_down
    assert not known.is_common
    assert known.record_read("key") == [], "each is counted once"
    known.record_failed(6, trouble, known.read)
    assert known.accounts_at_fault() == [], "nobody was read since it was begun"
    known.record_failed(7, trouble, known.read - 1)
    assert known.accounts_at_fault() == [7]
    known.record_explained()
    assert known.in_a_row == 0


def test_a_failure_of_our_own_is_no_outage_and_no_success() -> None:
    known = Failures()
    known.record_failed(1, ValueError("x"), 0)
    assert known.in_a_row == 0
    assert known.is_common
