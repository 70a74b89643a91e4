"""A timeline run: one account's trouble is a row with a reason, never the end of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from sfm import clock as clocks
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import ApiUsage, Credential, Run, RunError, TwitterUser, TwitterUserItem
from sfm.networks.errors import CredentialProblem, Wait
from sfm.runs import actions, queries, queue, shutdown
from sfm.runs.errors import Cancelled, Interrupted, Pause, Postponed
from sfm.sandbox.server import Sandbox
from sfm.timelines import failures
from sfm.timelines import run as timelines
from sfm.timelines.due import due_accounts
from sfm.timelines.refresh_names import update_usernames
from sfm.twitter.client import Client
from sfm.users import credentials, service
from sfm.users.clients import NoCredential, collecting_client, default_client
from sfm.users.credential_check import check
from tests.collecting import held, timeline_run, tracked
from tests.conftest import FrozenClock, sandbox_settings
from tests.run_lists import list_runs
from tests.waiting import wait_for

GOOD_PASSWORD = "seven purple umbrellas rust"
GOOD = ("FerryNotes", "millbrook_lib", "seven_posts")


@pytest.fixture
def good(app: Flask, sandbox: Sandbox) -> dict[str, TwitterUser]:
    return {name: tracked(sandbox.world.find(name)) for name in GOOD}


def last_run() -> Run:
    db.session.rollback()
    return list_runs()[0]


def reasons() -> dict[str, str]:
    db.session.rollback()
    return {row.subject: row.reason for row in db.session.scalars(select(RunError))}


def test_all_active_accounts_are_collected_and_the_second_run_asks_once_each(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    inactive = tracked(sandbox.world.find("HarborCouncil"), is_active=False)
    run_id, result = timeline_run()
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))
    assert held(inactive) == []
    stored = db.session.scalar(select(func.count()).select_from(TwitterUserItem))
    assert (result["accounts"], result["new"], result["failed"]) == (3, stored, 0)
    run = queries.find(run_id)
    assert (run.state, run.done, run.total, run.added) == ("finished", 3, 3, stored)
    sandbox.site.served.clear()
    _, again = timeline_run()
    assert again["new"] == 0
    assert len(sandbox.served) == 3 - int(str(again["not_asked"]))


def test_what_was_read_is_metered_and_counted_for_the_run(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    run_id, result = timeline_run()
    run = queries.find(run_id)
    calls, posts = db.session.execute(
        select(func.sum(ApiUsage.calls), func.sum(ApiUsage.posts))
    ).one()
    assert (run.api_calls, run.api_posts) == (calls, posts)
    assert run.api_posts == result["new"]
    assert run.api_calls == len(sandbox.served)


def test_accounts_in_trouble_are_rows_with_reasons_and_the_rest_comes(
    good: dict[str, TwitterUser], sandbox: Sandbox, clock: FrozenClock
) -> None:
    """AP3, JB14."""
    names = ("quiet_keeper", "spam_fountain", "gone_fishing_9")
    bad = {name: tracked(sandbox.world.find(name)) for name in names}
    _, result = timeline_run()
    assert result["failed"] == 3
    assert reasons() == {
        "quiet_keeper": "The account quiet_keeper is protected: only followers it has accepted "
        "can read it.",
        "spam_fountain": "Twitter has suspended the account spam_fountain.",
        "gone_fishing_9": "The account gone_fishing_9 no longer exists on Twitter: it was deleted "
        "or deactivated.",
    }
    assert {user.state for user in bad.values()} == {"protected", "suspended", "not_found"}
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))
    sandbox.site.served.clear()
    _, again = timeline_run()
    assert again["not_asked"] == 3, "they are asked weekly"
    clock.advance(timedelta(days=7, hours=1).total_seconds())
    sandbox.world.set_state(sandbox.world.find("spam_fountain"), "active")
    _, later = timeline_run()
    assert later["failed"] == 2
    assert db.session.get_one(TwitterUser, bad["spam_fountain"].id).state == "ok"
    assert held(bad["spam_fountain"])


def test_posts_of_an_account_that_is_gone_are_kept(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    timeline_run()
    before = held(good["FerryNotes"])
    sandbox.world.set_state(sandbox.world.find("FerryNotes"), "deleted")
    timeline_run()
    assert held(good["FerryNotes"]) == before


def test_never_asked_accounts_come_first_then_those_longest_not_asked_weighed_by_pace(
    app: Flask,
) -> None:
    """JB23."""
    now = clocks.now()
    hours = {"slow": 6, "busy": 6, "just asked": 0, "quiet for a month": 720, "fails": 7}
    pace = {"slow": 0.1, "busy": 50.0, "just asked": 900.0, "quiet for a month": 0.0}
    for number, (name, ago) in enumerate(hours.items(), start=1):
        db.session.add(
            TwitterUser(
                uid=number, name=name, polled_at=now - timedelta(hours=ago),
                tweets_per_day=pace.get(name),
            )
        )  # fmt: skip
    db.session.add(TwitterUser(uid=21, name="new"))
    db.session.add(TwitterUser(uid=22, name="clock was ahead", polled_at=now + timedelta(days=9)))
    db.session.add(TwitterUser(uid=23, name="off", is_active=False))
    db.session.add(TwitterUser(uid=None, name="without"))
    later = now + timedelta(days=1)
    db.session.add(TwitterUser(uid=24, name="later", ask_again_at=later))
    db.session.commit()
    due = due_accounts(now)
    assert list(due.names.values()) == [
        "new", "clock was ahead", "quiet for a month", "busy", "fails", "slow", "just asked",
    ]  # fmt: skip
    assert (due.done, due.not_due) == (0, 1)
    since = due_accounts(now - timedelta(hours=6, minutes=30))
    assert since.done == 3
    assert list(since.names.values()) == ["new", "clock was ahead", "quiet for a month", "fails"]


def test_a_refused_key_ends_the_run_with_one_sentence(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    fault = sandbox.faults.add("unauthorized", times=None)
    with pytest.raises(CredentialProblem):
        timeline_run()
    assert fault.fired
    assert last_run().state == "failed"
    assert "refused the key" in last_run().message
    assert reasons() == {}
    for user in good.values():
        db.session.refresh(user)
        assert (user.state, user.failures, user.collected_at) == ("ok", 0, None)


def hold(name: str, token: str) -> Credential:
    """A User who holds this app token. Commits."""
    begin_write()
    credential = credentials.save(
        service.create(name, GOOD_PASSWORD).user, credentials.bearer(token)
    )
    db.session.commit()
    return credential


def test_a_401_for_one_researcher_stops_only_what_is_collected_with_that_key(
    app: Flask, good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP14: hers is the key of the timelines; the run goes on with the installation's own."""
    mine = hold("ann", "revoked-meanwhile")
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, twitter_default_username="ann")
    _, result = timeline_run()
    assert (result["accounts"], result["failed"]) == (3, 0)
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))
    (told,) = reasons().items()
    assert told[0] == "Twitter credential"
    assert "refused the key" in told[1]
    assert "went on with another credential" in told[1]
    assert last_run().state == "finished"
    assert db.session.scalars(select(Credential)).one().state == "refused"
    assert mine.state_reason
    refused = sum(one.status == 401 for one in sandbox.served)
    assert 2 <= refused <= settings.timeline_threads + 1, "with one check of the key"
    sandbox.site.served.clear()
    timeline_run()
    assert all(one.status == 200 for one in sandbox.served), "the refused key is not asked again"


def test_a_401_for_a_researcher_whose_key_serves_nothing_else_stops_no_set(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP14."""
    assert not check(hold("ann", "revoked-meanwhile")).works
    db.session.commit()
    _, result = timeline_run()
    assert result["failed"] == 0
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))
    assert reasons() == {}


def test_a_401_about_one_account_stops_nobody_else(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP14: the old way of saying that an account is protected."""
    uid = good["FerryNotes"].uid
    body = '{"request":"/2/users","error":"Not authorized."}'
    fault = sandbox.faults.add(
        "body", path=f"/2/users/{uid}/tweets", times=None, status=401, body=body,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    _, result = timeline_run()
    assert fault.fired == 1
    assert result["failed"] == 1
    assert list(reasons()) == ["FerryNotes"]
    assert held(good["millbrook_lib"])
    assert held(good["seven_posts"])


@pytest.mark.parametrize(
    ("kind", "until"),
    [
        ("credits-depleted", None),
        ("payment-required", None),
        ("usage-capped", datetime(2026, 12, 1, tzinfo=UTC)),
        ("usage-capped-daily", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_used_up_allowances_pause_the_run_without_another_try(
    good: dict[str, TwitterUser],
    sandbox: Sandbox,
    kind: str,
    until: datetime | None,
    settings: Settings,
) -> None:
    """AP2."""
    fault = sandbox.faults.add(kind, times=None)
    with pytest.raises(Pause):
        timeline_run()
    assert 1 <= fault.fired <= settings.timeline_threads
    run = last_run()
    assert (run.state, run.not_before) == ("paused", until)
    assert run.message
    assert reasons() == {}
    sandbox.faults.clear()
    begin_write()
    actions.resume(run.id)
    db.session.commit()
    again = queue.claim(["user_timeline"])
    assert again is not None
    assert again.id == run.id
    with queue.finish(again):
        timelines.run_timelines(again, default_client)
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))


def test_a_look_up_of_names_waits_for_the_new_period_too(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP2."""
    fault = sandbox.faults.add("usage-capped", times=None)
    active = queue.start("update_usernames")
    with pytest.raises(Pause), queue.finish(active):
        update_usernames(active, default_client())
    assert fault.fired == 1
    run = last_run()
    assert (run.state, run.not_before) == ("paused", datetime(2026, 12, 1, tzinfo=UTC))


def test_credits_bought_meanwhile_are_used_when_an_administrator_lets_the_run_go_on(
    app: Flask, good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP2, with a kept credential, which rests for the day."""
    hold("ann", sandbox.bearer_token)
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, twitter_bearer_token="")
    fault = sandbox.faults.add("credits-depleted", times=None)
    with pytest.raises(Pause):
        timeline_run()
    assert fault.fired
    sandbox.faults.clear()
    run = last_run()
    assert db.session.scalars(select(Credential)).one().state == "out_of_credits"
    begin_write()
    actions.resume(run.id)
    db.session.commit()
    again = queue.claim(["user_timeline"])
    assert again is not None
    with queue.finish(again):
        timelines.run_timelines(again, collecting_client)
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))


def test_a_thread_that_finds_no_key_any_more_does_not_hide_why(
    app: Flask, good: dict[str, TwitterUser], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread meets the empty account and marks its key; the next begins only then."""
    hold("ann", sandbox.bearer_token)
    settings: Settings = app.extensions["sfm_settings"]
    app.extensions["sfm_settings"] = replace(settings, twitter_bearer_token="", timeline_threads=2)
    sandbox.faults.add("credits-depleted", times=None)
    active = queue.start("user_timeline", {})
    order = threading.Lock()
    marked = threading.Event()
    missing: list[str] = []

    def make_client(pause: Callable[[Wait], None]) -> Client:
        if not order.acquire(blocking=False):  # the second thread
            assert marked.wait(30)
            try:
                return collecting_client(pause)
            except NoCredential as exc:
                missing.append(exc.message)
                raise
        client = collecting_client(pause)
        settle = client.meter.write_now

        def settle_late() -> None:
            settle()
            marked.set()
            wait_for(lambda: active.abandoned)

        monkeypatch.setattr(client.meter, "write_now", settle_late)
        return client

    with pytest.raises(Pause), queue.finish(active):
        timelines.run_timelines(active, make_client)
    assert len(missing) == 1
    assert last_run().state == "paused"


@pytest.mark.parametrize("reset", ["normal", "missing", "past", "far", "garbage"])
def test_a_used_up_window_is_waited_out_whatever_its_header_says(
    good: dict[str, TwitterUser], sandbox: Sandbox, clock: FrozenClock, reset: str
) -> None:
    """AP1."""
    fault = sandbox.faults.add("too-many-requests", path="/2/users/*/tweets", reset=reset)
    started = clock.now()
    timeline_run()
    assert fault.fired == 1
    assert 1 <= (clock.now() - started).total_seconds() <= 4 * 901
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))


def test_a_broken_answer_for_one_account_is_its_own_row(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    """AP9: an HTML page with 200, for ever."""
    uid = good["FerryNotes"].uid
    fault = sandbox.faults.add("html", path=f"/2/users/{uid}/tweets", times=None)
    _, result = timeline_run()
    assert fault.fired > 1, "it was tried again"
    assert result["failed"] == 1
    assert "passes as a rule" in reasons()["FerryNotes"]
    assert held(good["millbrook_lib"])


def test_when_twitter_is_down_the_run_is_put_off(app: Flask, sandbox: Sandbox) -> None:
    for name in (*GOOD, "HarborCouncil", "drada_mensah", "RetroRelay", "wardfive", "tideline_news"):
        tracked(sandbox.world.find(name))
    fault = sandbox.faults.add("unavailable", times=None)
    with pytest.raises(Postponed):
        timeline_run()
    assert fault.fired
    assert last_run().state == "failed", "a command ends; the next one goes on"
    assert len(reasons()) >= failures.MAX_IN_A_ROW


def test_an_address_that_is_none_ends_the_run(app: Flask, sandbox: Sandbox) -> None:
    for name in (*GOOD, "HarborCouncil", "drada_mensah", "RetroRelay"):
        tracked(sandbox.world.find(name))
    sandbox.faults.add("not-found-page", times=None)
    with pytest.raises(Exception, match="TWITTER_API_ROOT"):
        timeline_run()
    assert last_run().state == "failed"


def test_a_cancelled_run_stops_and_keeps_what_it_has(
    good: dict[str, TwitterUser], sandbox: Sandbox, clock: FrozenClock
) -> None:
    from sfm.users.clients import default_client

    active = queue.start("user_timeline")
    clock.advance(10)
    begin_write()
    actions.cancel(active.id)
    db.session.commit()
    with pytest.raises(Cancelled), queue.finish(active):
        timelines.run_timelines(active, default_client)
    assert last_run().state == "cancelled"


def test_a_stop_is_obeyed_at_the_next_item_and_the_rest_comes_later(
    good: dict[str, TwitterUser], sandbox: Sandbox
) -> None:
    from sfm.users.clients import default_client

    queue.enqueue("user_timeline", origin="schedule")
    db.session.commit()
    active = queue.claim(["user_timeline"])
    assert active
    shutdown.request_stop()
    try:
        with pytest.raises(Interrupted), queue.finish(active):
            timelines.run_timelines(active, default_client)
    finally:
        shutdown.clear_stop()
    assert last_run().state == "queued"
    again = queue.claim(["user_timeline"])
    assert again
    with queue.finish(again):
        timelines.run_timelines(again, default_client)
    for name, user in good.items():
        assert held(user) == sandbox.world.visible(sandbox.world.find(name))


def test_a_wait_is_shown_and_can_be_cancelled(
    good: dict[str, TwitterUser], sandbox: Sandbox, clock: FrozenClock
) -> None:
    sandbox.faults.add("too-many-requests", times=None)
    seen: list[tuple[str, datetime | None]] = []
    plain = clock.sleep

    def sleep(seconds: float) -> None:
        with db.engine.connect() as connection:
            message, until = connection.execute(select(Run.message, Run.waiting_until)).one()
        seen.append((message, until))
        begin_write()
        if not db.session.scalars(select(Run)).one().cancel_requested:
            actions.cancel(1)
        db.session.commit()
        plain(seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        timeline_run()
    assert any("limit" in message and until for message, until in seen)


def test_a_refused_call_is_counted_before_its_wait(
    good: dict[str, TwitterUser], sandbox: Sandbox, clock: FrozenClock
) -> None:
    """A wait may be long, and the process may be killed in it."""
    fault = sandbox.faults.add("too-many-requests", path="/2/users/*/tweets")
    counted: list[int | None] = []
    plain = clock.sleep

    def sleep(seconds: float) -> None:
        with db.engine.connect() as connection:
            counted.append(connection.execute(select(func.sum(ApiUsage.calls))).scalar())
        plain(seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    timeline_run(twitter_user_ids=[good["FerryNotes"].id])  # one thread: its call, then its wait
    assert fault.fired == 1
    assert counted
    assert all(counted)


@pytest.mark.parametrize("threads", [1, 4])
def test_limits_are_used_fully_and_never_overrun(
    instance_folder: Path, database_url: str, clock: FrozenClock, threads: int
) -> None:
    """Two windows for 25 calls of 15 each; nothing is refused.

    Each thread that waits moves this clock on by itself, while answers of the others are under
    way: so several may be refused, once in a window, what no real clock would make them ask.
    """
    from sfm.factory import create_app

    with Sandbox(clock=clock, limits=True) as sandbox:
        sandbox.limits.set("users/:id/tweets", 15)
        app = create_app(
            sandbox_settings(instance_folder, database_url, sandbox, timeline_threads=threads)
        )
        with app.app_context():
            for person in sandbox.world.people[:6]:
                tracked(person)
            started = clock.now()
            timeline_run()
            waited = (clock.now() - started).total_seconds()
            served = [one.status for one in sandbox.served]
            windows = -(-served.count(200) // 15)
            refused = served[16:].count(429)  # the first window may be learnt by a refusal
            assert refused <= (0 if threads == 1 else windows)
            assert waited <= (windows + 1) * 905 * threads
            db.session.remove()
            db.engine.dispose()
