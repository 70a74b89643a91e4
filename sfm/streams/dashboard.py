"""The process board: each stream that is wanted or there, in one of five plain states, and why."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from sfm import clock
from sfm.database import db
from sfm.extensions import settings
from sfm.filters import owners, reconcile
from sfm.filters.programs import ProgramPlan
from sfm.filters.waiting_notes import holds_connection
from sfm.messages import Message, PluralMessage, join_messages
from sfm.models import Heartbeat, ProgramRetry, StreamFile, TwitterFilter
from sfm.streams import completeness, file_names, lock
from sfm.streams.restarts import restarts_shown
from sfm.supervisord.client import View
from sfm.supervisord.conf import NEEDS_PERSON, SAMPLE_PREFIX, program_name
from sfm.supervisord.manager import Manager
from sfm.supervisord.process import ProcessInfo, ProcessState

PAGE_SECONDS = 1.5  # how long a page waits for supervisord
STALE = timedelta(seconds=60)  # a heartbeat this old is none
QUIET = timedelta(seconds=60)
SILENT = timedelta(seconds=45)  # the connection is dead after 30, and heartbeats come every few

COLLECTING, QUIET_STATE, WAITING, STALLED, STOPPED = (
    "collecting",
    "quiet",
    "waiting",
    "stalled",
    "stopped",
)
LABELS = {
    COLLECTING: Message("collecting"),
    QUIET_STATE: Message("quiet but connected"),
    WAITING: Message("waiting"),
    STALLED: Message("stalled"),
    STOPPED: Message("stopped"),
}
TONES = {
    COLLECTING: "good",
    QUIET_STATE: "good",
    WAITING: "warn",
    STALLED: "bad",
    STOPPED: "quiet",
}


@dataclass(frozen=True)
class BoardLine:
    """One stream on the board: a filter, or the sample (no filter). Times are aware UTC."""

    program: str
    twitter_filter: TwitterFilter | None
    is_wanted: bool
    state: str
    reason: str
    since: datetime | None
    heartbeat: Heartbeat | None
    process: ProcessInfo | None
    wait_until: datetime | None = None
    needs_person: bool = False
    expected: int = 0  # posts that a quiet stream would have brought at yesterday's pace
    per_minute: float = 0.0

    @property
    def label(self) -> str:
        return LABELS[self.state]

    @property
    def restarts(self) -> int:
        """How often its process was started again after it had failed early, until now."""
        return restarts_shown(self.heartbeat)

    @property
    def rules_put_back(self) -> tuple[datetime, datetime] | None:
        """From when to when the rules were last missing at Twitter, since the process started."""
        absence = self.heartbeat.figures.get("rules_put_back") if self.heartbeat else None
        if not absence:
            return None
        return clock.parse_iso(absence[0]), clock.parse_iso(absence[1])

    @property
    def tone(self) -> str:
        return "bad" if self.needs_person else TONES[self.state]


@dataclass(frozen=True)
class Other:
    """A process of supervisord that is not a stream: shown, never touched."""

    process: ProcessInfo


@dataclass(frozen=True)
class Board:
    """supervisord, the streams, its other processes, and the disk."""

    manager: Manager
    lines: list[BoardLine]
    others: list[Other]
    disk_free: int = 0
    disk_total: int = 0
    gaps_today: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def disk_low(self) -> bool:
        """Under 5 % or 1 GiB."""
        return bool(self.disk_total) and self.disk_free < max(self.disk_total * 0.05, 1024**3)


def board() -> Board:
    """Everything, as of now. Takes two seconds at most, also where supervisord is stuck."""
    view = reconcile.supervisord_client(PAGE_SECONDS).view()
    board_lines = lines(view)
    known = {line.program for line in board_lines}
    free, total = _disk(settings().data_folder)
    since = clock.now() - timedelta(days=1)
    return Board(
        manager=view.manager,
        lines=board_lines,
        others=[Other(process) for process in view.processes if process.name not in known],
        disk_free=free,
        disk_total=total,
        gaps_today=completeness.count_gaps(since),
        counts={state: sum(line.state == state for line in board_lines) for state in LABELS},
    )


def lines(view: View | None = None, only: Iterable[int] | None = None) -> list[BoardLine]:
    """One line for each filter that is active, or still runs, and one for the sample if it is
    known. `only`: these filters, active or not."""
    view = view or reconcile.supervisord_client(PAGE_SECONDS).view()
    processes = {process.name: process for process in view.processes}
    plan = reconcile.wanted_programs()
    heartbeats = list(db.session.scalars(select(Heartbeat).order_by(Heartbeat.beat_at)))
    wanted_ids = set(only) if only is not None else None
    board_lines = [
        _line(twitter_filter, plan, processes, heartbeats, view.manager)
        for twitter_filter in db.session.scalars(select(TwitterFilter).order_by(TwitterFilter.name))
        if (
            wanted_ids is None and (twitter_filter.is_active or _runs(twitter_filter.id, processes))
        )
        or (wanted_ids is not None and twitter_filter.id in wanted_ids)
    ]
    if wanted_ids is None:
        board_lines += _sample(processes, heartbeats)
    return board_lines


def _line(
    twitter_filter: TwitterFilter, plan: ProgramPlan, processes: dict[str, ProcessInfo],
    heartbeats: list[Heartbeat], manager: Manager,
) -> BoardLine:  # fmt: skip
    running = (name for name, ids in plan.filter_ids.items() if twitter_filter.id in ids)
    program = (
        next(running, None)
        or _runs(twitter_filter.id, processes)
        or program_name([twitter_filter.id])
    )
    heartbeat = next(
        (
            heartbeat
            for heartbeat in reversed(heartbeats)
            if twitter_filter.id in heartbeat.filter_ids
        ),
        None,
    )
    process = processes.get(program)
    is_wanted = twitter_filter.is_active and twitter_filter.held_at is None
    judged = _judge(twitter_filter, is_wanted, process, heartbeat, manager, plan)
    figures = heartbeat.figures.get("per_filter", {}) if heartbeat else {}
    shared = len(heartbeat.filter_ids) > 1 if heartbeat else False
    pace = heartbeat.posts_a_minute if heartbeat and judged[0] == COLLECTING else 0.0
    total = sum(figures.values()) or 1
    return BoardLine(
        program=program, twitter_filter=twitter_filter, is_wanted=is_wanted, state=judged[0],
        reason=judged[1], since=judged[2], heartbeat=heartbeat, process=process,
        wait_until=heartbeat.wait_until if heartbeat and judged[0] == WAITING else None,
        needs_person=judged[3],
        expected=_expected(twitter_filter.id, heartbeat) if judged[0] == QUIET_STATE else 0,
        per_minute=pace * figures.get(str(twitter_filter.id), 0) / total if shared else pace,
    )  # fmt: skip


Judged = tuple[str, str, "datetime | None", bool]


def _judge(
    twitter_filter: TwitterFilter, is_wanted: bool, process: ProcessInfo | None,
    heartbeat: Heartbeat | None, manager: Manager, plan: ProgramPlan,
) -> Judged:  # fmt: skip
    """State, reason, since when, and whether a person has to act."""
    if heartbeat is not None and is_alive(heartbeat):
        return _of_living(heartbeat, process, manager)
    if not is_wanted:
        return _unwanted(twitter_filter, process)
    if twitter_filter.id in plan.waiting:
        return (
            WAITING,
            holds_connection(plan.waiting[twitter_filter.id]),
            None,
            True,
        )
    if (
        heartbeat is not None
        and heartbeat.state == "needs_person"
        and not _newer(twitter_filter, heartbeat)
    ):
        return STOPPED, heartbeat.reason, heartbeat.since, True
    is_missing = process is None and manager.is_running
    problem = owners.problem_of(twitter_filter) if is_missing else ""
    if problem:
        return STOPPED, problem, None, True
    if not manager.is_running and process is None:
        return (
            STOPPED if manager.is_broken else WAITING,
            join_messages([manager.message, Message("It is started by itself when that is over.")]),
            None,
            False,
        )
    return _by_process(process, heartbeat)


def _of_living(heartbeat: Heartbeat, process: ProcessInfo | None, manager: Manager) -> Judged:
    orphan: list[str] = []
    if (
        manager.is_running
        and (process is None or process.pid != heartbeat.pid)
        and _is_here(heartbeat)
    ):
        orphan = [Message("It runs outside supervisord, as process %(pid)s.", pid=heartbeat.pid)]
    if heartbeat.state != "connected":
        return (
            WAITING,
            _with(heartbeat.reason or _WORDS.get(heartbeat.state, ""), orphan),
            heartbeat.since,
            heartbeat.state == "refused",
        )
    alive_at = heartbeat.alive_at or heartbeat.since
    if heartbeat.beat_at - alive_at > SILENT:
        stalled = Message("Connected, but nothing came for a while.")
        return STALLED, _with(stalled, orphan), alive_at, False
    if heartbeat.post_at is None or clock.now() - heartbeat.post_at > QUIET:
        last = heartbeat.post_at or heartbeat.since
        return QUIET_STATE, _with(Message("Keep-alives come, posts do not."), orphan), last, False
    return COLLECTING, _with("", orphan), heartbeat.since, False


def _with(reason: str, others: list[str]) -> str:
    sentences = [sentence for sentence in (reason, *others) if sentence]
    return join_messages(sentences) if len(sentences) > 1 else "".join(sentences)


_WORDS = {
    "starting": Message("It is starting."),
    "connecting": Message("It is connecting."),
    "storage": Message("The disk does not take what comes."),
}


def _unwanted(twitter_filter: TwitterFilter, process: ProcessInfo | None) -> Judged:
    if process is not None and not process.state.is_down:
        return STOPPED, Message("It is being stopped."), None, False
    if twitter_filter.held_at is not None:
        return STOPPED, Message("Stopped by an administrator."), twitter_filter.held_at, False
    return STOPPED, Message("The filter is not active."), None, False


def _by_process(process: ProcessInfo | None, heartbeat: Heartbeat | None) -> Judged:
    if process is None:
        return WAITING, Message("supervisord is told of it within half a minute."), None, False
    if process.state is ProcessState.FATAL or _cannot_begin(process):
        return _given_up(process)
    if process.state is ProcessState.BACKOFF:
        early = Message("It ended before it had begun to collect, and is started again soon.")
        return STALLED, early, process.stopped_at, False
    if process.state is ProcessState.RUNNING:
        return STALLED, *_silent(process, heartbeat), False
    if process.state.is_down:
        why = heartbeat.reason if heartbeat is not None and heartbeat.state == "stopped" else ""
        return STOPPED, why or Message("The process ended."), process.stopped_at, False
    return WAITING, Message("It is starting."), process.started_at, False


def _cannot_begin(process: ProcessInfo) -> bool:
    ended = process.state is ProcessState.EXITED and process.exit_code == NEEDS_PERSON
    return ended and db.session.get(ProgramRetry, process.name) is not None


def _given_up(process: ProcessInfo) -> Judged:
    """A start that failed as often as supervisord tries, or that cannot succeed."""
    retry = db.session.get(ProgramRetry, process.name)
    if retry is None:
        return STOPPED, reconcile.NEVER_UP, process.stopped_at, True
    again = PluralMessage(
        "Tried again once since, next at %(time)s UTC; the log says why it stopped.",
        "Tried again %(num)s times since, next at %(time)s UTC; the log says why it stopped.",
        retry.failures,
        time=f"{retry.next_at:%H:%M}",
    )
    first = Message("It is tried again later; the log says why it stopped.")
    why = retry.reason or reconcile.NEVER_UP
    return STOPPED, _with(why, [again if retry.failures else first]), process.stopped_at, True


def _silent(process: ProcessInfo, heartbeat: Heartbeat | None) -> tuple[str, datetime | None]:
    """Why a process that is up counts for nothing, and since when."""
    if heartbeat is not None and heartbeat.pid == process.pid:
        return Message("The process is there but says nothing."), heartbeat.beat_at
    return Message("The process is there but has not begun to collect."), process.started_at


def is_alive(heartbeat: Heartbeat) -> bool:
    """Whether the collector said something within the last minute, and not that it ends."""
    return (
        heartbeat.state not in {"stopped", "needs_person"}
        and clock.now() - heartbeat.beat_at < STALE
    )


def _newer(twitter_filter: TwitterFilter, heartbeat: Heartbeat) -> bool:
    """Whether the filter was changed since; the collector is then tried again."""
    return int(twitter_filter.changed_at.timestamp() * 1_000_000) > heartbeat.revision


def _is_here(heartbeat: Heartbeat) -> bool:
    prefix = (
        file_names.filter_prefix(heartbeat.filter_ids[0]) if heartbeat.filter_ids else SAMPLE_PREFIX
    )
    return lock.holder(settings().instance / "run", prefix) == heartbeat.pid


def _runs(filter_id: int, processes: dict[str, ProcessInfo]) -> str | None:
    return next(
        (name for name, process in processes.items() if filter_id in process.filter_ids), None
    )


def _expected(filter_id: int, heartbeat: Heartbeat | None) -> int:
    """Posts that the pace of the last day would have brought since the last one."""
    now = clock.now()
    since = heartbeat.post_at or heartbeat.started_at if heartbeat else now
    day = select(func.sum(StreamFile.lines)).where(
        StreamFile.filter_id == filter_id, StreamFile.begun_at >= now - timedelta(days=1)
    )
    lines_a_second = int(db.session.scalar(day) or 0) / 86_400
    return round(lines_a_second * (now - since).total_seconds())


def _sample(processes: dict[str, ProcessInfo], heartbeats: list[Heartbeat]) -> list[BoardLine]:
    """streamsample is started and stopped with supervisorctl alone; here it is only shown."""
    process = processes.get(SAMPLE_PREFIX)
    heartbeat = next(
        (heartbeat for heartbeat in heartbeats if heartbeat.program == SAMPLE_PREFIX), None
    )
    if process is None and (heartbeat is None or not is_alive(heartbeat)):
        return []
    if heartbeat is not None and is_alive(heartbeat):
        judged = _of_living(heartbeat, process, Manager("running"))
    elif heartbeat is not None and heartbeat.state == "needs_person":
        judged = (STOPPED, heartbeat.reason, heartbeat.since, True)
    else:
        judged = _by_process(process, heartbeat)
    return [
        BoardLine(
            program=SAMPLE_PREFIX, twitter_filter=None, is_wanted=True, state=judged[0],
            reason=judged[1], since=judged[2], heartbeat=heartbeat, process=process,
            needs_person=judged[3], per_minute=heartbeat.posts_a_minute if heartbeat else 0.0,
        )
    ]  # fmt: skip


def _disk(folder: Path) -> tuple[int, int]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.free, usage.total
