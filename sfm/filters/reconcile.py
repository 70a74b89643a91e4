"""Brings the processes together with the active filters: after a commit, and every half minute.

The database holds what is wanted; supervisord is asked to follow. Where it is away nothing is lost:
the next round brings both together, unbidden, and touches no process but the collectors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from sfm import clock
from sfm.database import begin_write, db
from sfm.extensions import settings
from sfm.filters import connections, coverage_due, service, waiting_notes
from sfm.filters.programs import ProgramPlan, ProgramRequest, plan
from sfm.messages import Message, join_messages
from sfm.models import Heartbeat, ProgramRetry, TwitterFilter, User
from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.conf import NEEDS_PERSON, Program, program_name
from sfm.supervisord.follow import ProgramChanges
from sfm.supervisord.paths import paths_of
from sfm.supervisord.process import ProcessInfo, ProcessState

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 1.8  # what a stuck supervisord may cost a request in all
MAX_RETRY_MINUTES = 30
PERSON_RETRY_MINUTES = (5, 15, 60)  # after the last of them, again and again
STEADY_AFTER = timedelta(minutes=5)  # a process that ran so long is no crash loop
NEVER_UP = Message("It stopped as often as it was started.")
CANNOT_BEGIN = Message("It cannot begin with its settings; its log says why.")


def supervisord_client(patience_seconds: float = 5.0) -> SupervisordClient:
    """A client of this installation's supervisord, for one request or round. Raises BadSetting.

    `patience_seconds` is what a supervisord that does not answer may cost in all.
    """
    return SupervisordClient(paths_of(settings()), patience_seconds=patience_seconds)


def wanted_programs() -> ProgramPlan:
    """The programs that the active filters of active Users need now."""
    active = (
        select(TwitterFilter)
        .join(TwitterFilter.user)
        .where(TwitterFilter.is_active, TwitterFilter.held_at.is_(None), User.is_active)
    )
    requests = [
        ProgramRequest(
            twitter_filter.id,
            connections.fingerprint_of(twitter_filter) or f"none-{twitter_filter.id}",
            service.revision(twitter_filter),
        )
        for twitter_filter in db.session.scalars(active.order_by(TwitterFilter.id))
    ]
    share = settings().share_stream_connections
    return plan(requests, share=share, running=supervisord_client().configured())


def apply(*, stop_seconds: float = 4.0) -> ProgramChanges:
    """After a commit: have supervisord follow at once. Never raises for its troubles.

    A read-only transaction is ended first, so that none is open while supervisord is asked.
    """
    changes = _bring_together(supervisord_client(REQUEST_SECONDS), stop_seconds, round_seconds=8.0)
    _log(changes)
    return changes


def reconcile() -> ProgramChanges:
    """The half-minute's round: as `apply`, with patience. Commits on its own."""
    changes = _bring_together(supervisord_client(), 8.0, round_seconds=20.0)
    _log(changes)
    return changes


def forget_retry(programs: Iterable[str]) -> None:
    """A person says: try again now, whatever the filter was like. Flushes.

    What a collector said of its posts stays: up to when they were saved is worked out from it.
    """
    names = list(programs)
    db.session.execute(delete(ProgramRetry).where(ProgramRetry.program.in_(names)))
    db.session.execute(update(Heartbeat).where(Heartbeat.program.in_(names)).values(revision=0))


def program_of(filter_id: int, planned: ProgramPlan | None = None) -> str | None:
    """The name of the program that collects an active filter now, or is to; of `planned`, where
    that is known."""
    for name, ids in (planned or wanted_programs()).filter_ids.items():
        if filter_id in ids:
            return name
    return None


def note_restart(filter_id: int) -> str:
    """A person has the process of an active filter begin anew: in the ledger of each filter that
    it collects. The name of its program. Flushes."""
    planned = wanted_programs()
    program = program_of(filter_id, planned) or program_name([filter_id])
    for number in planned.filter_ids.get(program, (filter_id,)):
        coverage_due.restart(number)
    forget_retry([program])
    return program


def _bring_together(
    to: SupervisordClient, stop_seconds: float, round_seconds: float
) -> ProgramChanges:
    return to.reconcile(
        lambda: _programs_now(to), stop_seconds=stop_seconds, round_seconds=round_seconds
    )


def _programs_now(to: SupervisordClient) -> list[Program]:
    """What is wanted at this moment, and which of it may be started. Commits."""
    db.session.rollback()
    planned = wanted_programs()
    waiting_notes.note_waiting(planned.waiting)
    view = to.view()
    down = {
        process.name: process
        for process in view.processes
        if process.is_collector and process.state.is_down
    }
    steady = [process.name for process in view.processes if _is_steady(process)]
    may = _may_start(planned, down, steady) if down or steady else {}
    outdated = _outdated(planned, view.processes)
    return [
        replace(
            program, may_start=may.get(program.name, True), must_restart=program.name in outdated
        )
        for program in planned.programs
    ]


def _outdated(planned: ProgramPlan, processes: Iterable[ProcessInfo]) -> set[str]:
    """The running programs that have to begin anew; see `_is_outdated`."""
    heartbeats = {
        heartbeat.program: heartbeat for heartbeat in db.session.scalars(select(Heartbeat))
    }
    db.session.rollback()
    running = {process.name: process.pid for process in processes if not process.state.is_down}
    revisions = {program.name: program.revision for program in planned.programs}
    return {
        name
        for name, fingerprint in planned.fingerprints.items()
        if (heartbeat := heartbeats.get(name)) is not None
        and heartbeat.pid == running.get(name)
        and _is_outdated(heartbeat, fingerprint, revisions[name])
    }


def _is_outdated(heartbeat: Heartbeat, fingerprint: str, revision: int) -> bool:
    """Whether a running process is of no use any more: it has another's credential, or it is
    about to end with what the filter was like before."""
    if heartbeat.state == "needs_person":
        return heartbeat.revision < revision
    return heartbeat.fingerprint != fingerprint


def _is_steady(process: ProcessInfo) -> bool:
    return (
        process.is_collector
        and process.state is ProcessState.RUNNING
        and process.started_at is not None
        and clock.now() - process.started_at > STEADY_AFTER
    )


def _may_start(
    planned: ProgramPlan, down: dict[str, ProcessInfo], steady: list[str]
) -> dict[str, bool]:
    """Which of those that are down may start; counts crash loops. Commits."""
    begin_write()
    db.session.execute(delete(ProgramRetry).where(ProgramRetry.program.in_(steady)))
    may = {
        program.name: _may_start_one(program, down[program.name])
        for program in planned.programs
        if program.name in down
    }
    db.session.commit()
    return may


def _may_start_one(program: Program, process: ProcessInfo) -> bool:
    needs_person = process.state is ProcessState.EXITED and process.exit_code == NEEDS_PERSON
    if needs_person:
        heartbeat = db.session.get(Heartbeat, program.name)
        if heartbeat is not None and heartbeat.state == "needs_person":
            # What was wrong may have been put right elsewhere than in the filter.
            is_changed = heartbeat.revision < program.revision
            return is_changed or _is_due(program, _minutes_for_a_person, heartbeat.reason)
    elif process.state is not ProcessState.FATAL:
        return True
    why = CANNOT_BEGIN if needs_person else process.spawn_error or NEVER_UP
    return _is_due(program, _minutes_after_crashes, why)


def _is_due(program: Program, minutes_after: Callable[[int], int], why: str) -> bool:
    """Whether a program that is down for this reason is tried again now: so many minutes after
    each time that it was."""
    retry = db.session.get(ProgramRetry, program.name)
    if retry is None:
        retry = ProgramRetry(program=program.name, failures=0, next_at=_from_now(minutes_after(0)))
        db.session.add(retry)
    elif clock.now() >= retry.next_at:
        retry.failures += 1
        retry.next_at = _from_now(minutes_after(retry.failures))
        return True
    retry.reason = why
    return False


def _minutes_for_a_person(failures: int) -> int:
    return PERSON_RETRY_MINUTES[min(failures, len(PERSON_RETRY_MINUTES) - 1)]


def _minutes_after_crashes(failures: int) -> int:
    """1, 2, 4 … 30."""
    return int(min(2**failures, MAX_RETRY_MINUTES))


def _from_now(minutes: int) -> datetime:
    return clock.now() + timedelta(minutes=minutes)


def _log(changes: ProgramChanges) -> None:
    if changes.any or not changes.manager.is_running:
        logger.info(
            "collectors reconciled manager=%s started=%s stopped=%s signalled=%s waiting=%s why=%s",
            changes.manager.state, changes.started, changes.stopped, changes.signalled,
            list(changes.waiting), changes.manager.message,
        )  # fmt: skip


@dataclass(frozen=True)
class SaveOutcome:
    """What a save led to, for whoever saved: good news or what waits."""

    message: str
    waits: bool


SAVED = Message("Saved.")


def outcome(changes: ProgramChanges, done: str = SAVED) -> SaveOutcome:
    """The sentence that a page shows after `apply`: `done`, or what is saved and waits."""
    if changes.manager.is_broken:
        return SaveOutcome(
            Message(
                "Saved. %(message)s The processes follow by themselves within half a minute of the "
                "repair.",
                message=changes.manager.message,
            ),
            waits=True,
        )
    if not changes.manager.is_running:
        return SaveOutcome(
            Message(
                "Saved. %(message)s The processes follow by themselves within half a minute of "
                "its being back.",
                message=changes.manager.message,
            ),
            waits=True,
        )
    if changes.waiting:
        reason = next(iter(changes.waiting.values()))
        return SaveOutcome(join_messages([SAVED, reason]), waits=True)
    return SaveOutcome(done, waits=False)
