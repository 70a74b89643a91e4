"""The journal: queued once, begun once, ended by its holder, found when its process is gone."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.errors import SfmError, WrongInput
from sfm.models import Lease, Run, RunError
from sfm.networks.errors import OutOfCredits
from sfm.runs import actions, leases, queries, queue, shutdown
from sfm.runs.context import RunContext
from sfm.runs.errors import (
    AlreadyRunning,
    Cancelled,
    Interrupted,
    LeaseLost,
    Pause,
    Postponed,
)
from sfm.runs.leases import new_owner
from sfm.runs.transactions import unit_of_work
from tests.conftest import FrozenClock
from tests.run_lists import list_runs
from tests.runs.conftest import Starter, said
from tests.threads import at_once


def queued(kind: str = "user_timeline", **more: object) -> int:
    run = queue.enqueue(kind, **more)  # type: ignore[arg-type]
    db.session.commit()
    assert run
    return run.id


def row(run_id: int) -> Run:
    db.session.rollback()
    return queries.find(run_id)


def claimed(kind: str = "user_timeline") -> RunContext:
    run = queue.claim([kind])
    assert run
    return run


def test_a_queued_run_is_claimed_once(app: Flask) -> None:
    run_id = queued()
    found: list[RunContext | None] = []
    together = threading.Barrier(4)

    def claim() -> None:
        with app.app_context():
            together.wait()
            found.append(queue.claim(["user_timeline"]))

    at_once(4, claim)
    assert [run.id for run in found if run] == [run_id]
    assert row(run_id).state == "running"


def test_asking_twice_queues_one_run(app: Flask) -> None:
    assert queued(params={"twitter_user_ids": [1]}) == queued(params={"twitter_user_ids": [1]})
    assert queued(params={"twitter_user_ids": [2]}) != queued(params={"twitter_user_ids": [1]})


def test_a_slot_has_one_run(app: Flask) -> None:
    assert queue.enqueue("user_timeline", slot="user_timeline@12:00", origin="schedule")
    assert queue.enqueue("user_timeline", slot="user_timeline@12:00", origin="schedule") is None
    db.session.commit()
    assert len(list_runs()) == 1


def test_two_runs_of_a_kind_never_overlap(app: Flask, clock: FrozenClock) -> None:
    first = queue.start("user_timeline")
    queued()
    assert queue.claim(["user_timeline"]) is None
    with pytest.raises(AlreadyRunning) as refused:
        queue.start("user_timeline")
    assert f"Timeline run {first.id} has been running since 2026-11-22T12:00:00Z" in str(
        refused.value
    )
    other = queue.start("update_usernames")
    assert other.kind == "update_usernames"
    with queue.finish(first):
        pass
    assert queue.claim(["user_timeline"]) is not None


def test_what_the_work_found_is_written_at_its_end(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline", {"twitter_user_ids": [7]})
    with queue.finish(run) as result:
        run.set_status("collecting", total=3)
        run.advance(added=5)
        run.count_usage(calls=2, posts=7, users=1)
        run.error("nasa", "Twitter has suspended the account nasa.", permanent=True)
        clock.advance(60)
        result["new"] = 5
    found = row(run.id)
    assert (found.state, found.done, found.added, found.total) == ("finished", 1, 5, 3)
    assert (found.api_calls, found.api_posts, found.api_users) == (2, 7, 1)
    assert found.result == {"new": 5}
    assert found.params == {"twitter_user_ids": [7]}
    assert found.finished_at
    assert found.started_at
    assert found.finished_at - found.started_at == timedelta(seconds=60)
    assert [error.subject for error in queries.errors_of(run.id)] == ["nasa"]
    assert leases.holder("run:user_timeline") is None


ENDS = [
    (Cancelled(), "cancelled"),
    (Interrupted(), "queued"),
    (Postponed("busy"), "queued"),
    (Pause("no credits left"), "paused"),
    (SfmError("the key was refused"), "failed"),
    (KeyboardInterrupt(), "cancelled"),
    (ZeroDivisionError("secret inside"), "failed"),
]


@pytest.mark.parametrize(("exc", "state"), ENDS, ids=[type(exc).__name__ for exc, _ in ENDS])
def test_each_way_to_end_is_a_state_with_a_sentence(
    app: Flask, exc: BaseException, state: str
) -> None:
    queued()
    run = claimed()
    with pytest.raises(type(exc)), queue.finish(run):
        raise exc
    found = row(run.id)
    assert found.state == state
    assert found.message
    assert "secret inside" not in found.message
    assert leases.take("run:user_timeline", new_owner()) is not None


@pytest.mark.parametrize("exc", [Interrupted(), Postponed("busy")])
def test_a_commands_run_is_over_with_the_command(app: Flask, exc: SfmError) -> None:
    run = queue.start("user_timeline")
    with pytest.raises(type(exc)), queue.finish(run):
        raise exc
    assert row(run.id).state == "failed"


def test_a_postponed_run_waits_for_its_time(app: Flask, clock: FrozenClock) -> None:
    queued()
    with pytest.raises(Postponed), queue.finish(claimed()):
        raise Postponed("busy")
    assert queue.claim(["user_timeline"]) is None
    clock.advance(queue.POSTPONED_SECONDS + 1)
    assert queue.claim(["user_timeline"]) is not None


def test_a_paused_run_goes_on_when_somebody_says_so(app: Flask) -> None:
    run_id = queued()
    with pytest.raises(Pause), queue.finish(claimed()):
        raise Pause("no credits left")
    assert queue.claim(["user_timeline"]) is None
    actions.resume(run_id)
    db.session.commit()
    assert claimed().id == run_id


def test_progress_shows_while_a_unit_of_work_waits(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    run.set_status("asking for the first page", total=10)
    clock.advance(2)
    run.advance()
    with db.engine.connect() as connection:
        seen = connection.execute(select(Run.done, Run.total, Run.message)).one()
    assert tuple(seen) == (1, 10, "asking for the first page")


def test_a_wait_is_shown_and_keeps_the_lease(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    until = clock.now() + timedelta(seconds=900)
    seen: list[tuple[object, ...]] = []
    plain_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        with db.engine.connect() as connection:
            seen.append(tuple(connection.execute(select(Run.waiting_until, Run.message)).one()))
        plain_sleep(seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    run.wait(until, "Twitter's limit is used up.")
    assert seen[0] == (until, "Twitter's limit is used up.")
    assert sum(clock.slept) == 900
    assert leases.take("run:user_timeline", new_owner()) is None, "the lease outlived the wait"
    clock.advance(1)
    run.set_status()
    assert row(run.id).waiting_until is None


def test_a_cancelled_run_stops_at_its_next_item(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    actions.cancel(run.id)
    db.session.commit()
    clock.advance(6)
    with pytest.raises(Cancelled), queue.finish(run):
        run.check()
    assert row(run.id).state == "cancelled"


def test_a_waiting_run_can_be_cancelled(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    actions.cancel(run.id)
    db.session.commit()
    with pytest.raises(Cancelled), queue.finish(run):
        run.wait(clock.now() + timedelta(hours=1), "waiting")
    assert sum(clock.slept) <= 10


def test_a_queued_run_is_cancelled_at_once_and_an_ended_one_is_not(app: Flask) -> None:
    run_id = queued()
    actions.cancel(run_id)
    db.session.commit()
    assert row(run_id).state == "cancelled"
    with pytest.raises(WrongInput):
        actions.cancel(run_id)
    with pytest.raises(WrongInput):
        actions.resume(run_id)


def test_only_the_failed_ones_are_tried_again(app: Flask, tracked_id: int) -> None:
    run = queue.start("user_timeline", {"note": 1})
    with queue.finish(run):
        run.error("nasa", "unavailable", twitter_user_id=tracked_id)
        run.error("nasa", "unavailable again", twitter_user_id=tracked_id)
        run.error("a line", "no account")
    begin_write()
    again = actions.retry_failed(run.id)
    assert again.params == {"note": 1, "twitter_user_ids": [tracked_id]}
    db.session.commit()
    fine = queue.start("update_usernames")
    with queue.finish(fine):
        pass
    with pytest.raises(WrongInput):
        actions.retry_failed(fine.id)


@pytest.fixture
def tracked_id(app: Flask) -> int:
    from sfm.models import TwitterUser

    twitter_user = TwitterUser(uid=11348282, name="NASA")
    db.session.add(twitter_user)
    db.session.commit()
    return twitter_user.id


def test_a_stop_of_the_process_puts_the_run_back(app: Flask) -> None:
    run_id = queued()
    shutdown.request_stop()
    try:
        run = claimed()
        with pytest.raises(Interrupted), queue.finish(run):
            run.check()
    finally:
        shutdown.clear_stop()
    assert row(run_id).state == "queued"
    assert claimed().id == run_id


def test_a_run_without_heartbeat_is_queued_again_and_goes_on(
    app: Flask, clock: FrozenClock
) -> None:
    run_id = queued()
    first = claimed()
    first.advance(added=3)
    first.save_cursor({"at": 5})
    clock.advance(60)
    assert queue.recover_stale() == 0, "a minute is not long"
    clock.advance(queue.STALE_SECONDS)
    assert queue.recover_stale() == 1
    second = claimed()
    assert (second.id, second.cursor, second.progress.added) == (run_id, {"at": 5}, 3)
    with pytest.raises(LeaseLost):
        unit_of_work(first.check_lease)
    clock.advance(10)
    with pytest.raises(LeaseLost):
        first.check()


def test_a_run_that_dies_each_time_is_failed_after_three_tries(
    app: Flask, clock: FrozenClock
) -> None:
    run_id = queued()
    for _ in range(queue.MAX_CRASHES):
        claimed()
        clock.advance(queue.STALE_SECONDS + 1)
        assert queue.recover_stale() == 1
    assert row(run_id).state == "failed"
    assert "cut off" in row(run_id).message
    assert queue.claim(["user_timeline"]) is None


def test_only_crashes_count_as_crashes(app: Flask, clock: FrozenClock) -> None:
    """Deploys, pauses and postponements; then one crash, after which it is queued again (K-13)."""
    run_id = queued()
    first_begun = clock.now()
    polite_ends = [Interrupted(), Postponed("busy"), Pause("no credits left"), Interrupted()]
    for exc in polite_ends:
        with pytest.raises(type(exc)), queue.finish(claimed()):
            raise exc
        clock.advance(queue.POSTPONED_SECONDS + 1)
        if row(run_id).state == "paused":
            actions.resume(run_id)
            db.session.commit()
    again = claimed()
    assert again.begun_at == first_begun
    clock.advance(queue.STALE_SECONDS + 1)
    assert queue.recover_stale() == 1
    assert (row(run_id).state, row(run_id).crashes) == ("queued", 1)


def test_a_late_owner_cannot_end_what_another_has_taken(app: Flask, clock: FrozenClock) -> None:
    run_id = queued()
    late = claimed()
    clock.advance(queue.STALE_SECONDS + 1)
    queue.recover_stale()
    claimed()
    with pytest.raises(SfmError), queue.finish(late):
        raise SfmError("too late")
    assert row(run_id).state == "running"


@pytest.mark.slow
def test_a_killed_command_is_closed_and_the_next_one_starts_at_once(
    app: Flask, other_process: Starter
) -> None:
    process = other_process(
        """
from sfm.runs import queue
run = queue.start("user_timeline")
print(run.id, flush=True)
sys.stdin.readline()
"""
    )
    first = int(said(process))
    with pytest.raises(AlreadyRunning, match=f"Timeline run {first} has been running"):
        queue.start("user_timeline")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert queue.start("user_timeline").id > first
    assert row(first).state == "failed"
    assert "cut off" in row(first).message


def test_errors_do_not_wait_for_the_end_of_the_run(app: Flask) -> None:
    run = queue.start("user_timeline")
    run.error("nasa", "suspended")
    with db.engine.connect() as connection:
        assert connection.execute(select(RunError.reason)).scalar() == "suspended"
    assert queries.errors_count(run.id) == 1


def test_the_expected_end_counts_the_windows_that_are_needed(
    app: Flask, clock: FrozenClock
) -> None:
    run = queue.start("user_timeline")
    run.set_status("", total=2_000)
    clock.advance(50)
    opens_at = clock.now() + timedelta(seconds=600)
    run.set_rate_window(limit=900, remaining=800, opens_at=opens_at)
    run.count_usage(calls=100)
    run.advance(100)
    found = queries.expected_end(row(run.id))
    # 1,900 calls are left: 800 now, 900 when the window opens, 200 a quarter of an hour later.
    assert found == opens_at + timedelta(minutes=15)
    run.set_rate_window(limit=10_000, remaining=9_900, opens_at=opens_at)
    clock.advance(5)
    run.set_status("")
    by_pace = queries.expected_end(row(run.id))
    assert by_pace == clock.now() + timedelta(seconds=55) / 100 * 1_900


def test_the_expected_end_counts_pace_and_wait(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    assert queries.expected_end(row(run.id)) is None
    run.set_status(total=10)
    clock.advance(50)
    run.advance(done=5)
    assert queries.expected_end(row(run.id)) == clock.now() + timedelta(seconds=50)


def test_a_run_taken_up_again_promises_no_end(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    run.set_status(total=10)
    clock.advance(5_000)
    run.advance(done=5)
    again = row(run.id)
    again.attempts = 2
    assert queries.expected_end(again) is None


def test_exports_go_side_by_side_and_leave_no_leases(app: Flask) -> None:
    queued("export", params={"export_id": 1})
    queued("export", params={"export_id": 2})
    first, second = claimed("export"), claimed("export")
    assert first.id != second.id
    for run in (first, second):
        with queue.finish(run):
            pass
    assert db.session.scalars(select(Lease)).all() == []


@pytest.mark.parametrize(
    ("period", "until"),
    [
        ("Daily", datetime(2026, 11, 23, tzinfo=UTC)),
        ("Monthly", datetime(2026, 12, 1, tzinfo=UTC)),
        ("Billing", datetime(2026, 11, 23, tzinfo=UTC)),
        (None, None),
    ],
)
def test_whatever_may_read_no_more_pauses_until_it_may(
    app: Flask, clock: FrozenClock, period: str | None, until: datetime | None
) -> None:
    """AP2, for runs of every kind."""
    run = queue.start("fill_gap")
    with pytest.raises(Pause), queue.finish(run):
        raise OutOfCredits("No more today.", period=period)
    ended = row(run.id)
    assert (ended.state, ended.message, ended.not_before) == ("paused", "No more today.", until)
