"""What we ask of supervisord: show its processes, and bring them together with those wanted.

A supervisord that is away, locked or stuck is an answer here, not an error: the change is kept in
the database, the files say what is wanted, and the next round tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sfm import clock
from sfm.errors import SfmError
from sfm.file_lock import try_to_lock
from sfm.messages import Message
from sfm.supervisord import conf, files, rpc
from sfm.supervisord.conf import Program
from sfm.supervisord.owner import check_owner
from sfm.supervisord.paths import Paths, make_folders

LOCK_SECONDS = 5.0
SETTLED_AFTER = timedelta(seconds=8)


class ProcessState(StrEnum):
    """supervisord's states of a process. Source: supervisor/states.py, class ProcessStates."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    EXITED = "exited"
    FATAL = "fatal"
    UNKNOWN = "unknown"

    @property
    def is_down(self) -> bool:
        """Whether supervisord itself will not start it again."""
        return self in {ProcessState.STOPPED, ProcessState.EXITED, ProcessState.FATAL}


@dataclass(frozen=True)
class ProcessInfo:
    """One process as supervisord sees it. Times are aware UTC."""

    name: str
    state: ProcessState
    pid: int | None
    started_at: datetime | None
    stopped_at: datetime | None
    exit_code: int
    spawn_error: str
    filter_ids: tuple[int, ...]


@dataclass(frozen=True)
class Manager:
    """Whether supervisord answers: running, absent, refused, stuck, garbled, stopping, broken.

    `detail` is for administrators only: supervisord's own words may name what others must not see.
    """

    state: str
    message: str = ""
    detail: str = ""

    @property
    def is_running(self) -> bool:
        return self.state == "running"


RUNNING = Manager("running")


@dataclass(frozen=True)
class View:
    """supervisord and all its processes, ours and others', at one moment."""

    manager: Manager
    processes: tuple[ProcessInfo, ...] = ()


@dataclass
class ProgramChanges:
    """What one round did: names of programs started, stopped, told to reread; what still waits."""

    manager: Manager = RUNNING
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    signalled: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        return bool(self.started or self.stopped or self.signalled)


class SupervisordClient:
    """The way to one supervisord. Keeps no connection and no state of its own."""

    def __init__(self, place: Paths, *, timeout_seconds: float = 5.0) -> None:
        self.place = place
        self.timeout_seconds = timeout_seconds

    def view(self) -> View:
        """All processes, or why supervisord cannot be asked. Never raises for its troubles."""
        try:
            return View(RUNNING, tuple(self._processes().values()))
        except (rpc.NoAnswer, rpc.SupervisordFault) as exc:
            return View(manager_of(exc))

    def configured(self) -> list[str]:
        """Names of the collectors that have a configuration file."""
        return files.configured(self.place)

    def reconcile(
        self,
        programs_to_run: Iterable[Program] | Callable[[], Iterable[Program]],
        *,
        stop_seconds: float = 8.0,
    ) -> ProgramChanges:
        """Bring files and processes together with the programs wanted; touches no others.

        A function is asked what is wanted when it is this round's turn: what another round has
        just brought about is not undone by an older state.
        Waits up to `stop_seconds` for a process to seal its file before it is taken away; one
        that takes longer is left for the next round. One round at a time, on this machine.
        """
        try:
            check_owner(self.place)
            make_folders(self.place)
            with one_at_a_time(self.place):
                current = programs_to_run() if callable(programs_to_run) else programs_to_run
                programs = {program.name: program for program in current}
                changed = files.write_files(self.place, programs.values())
                return self._follow(programs, changed, stop_seconds)
        except (rpc.NoAnswer, rpc.SupervisordFault) as exc:
            return ProgramChanges(manager_of(exc))
        except (SfmError, OSError) as exc:
            return ProgramChanges(manager_of(exc))

    def start(self, name: str) -> None:
        """Start one process; good too where it runs already. Raises NoAnswer and Fault."""
        self._ignoring({rpc.ALREADY_STARTED}, "startProcess", name, False)

    def stop(self, name: str) -> None:
        """Ask one process to stop; good too where it has. Raises NoAnswer and Fault."""
        self._ignoring({rpc.NOT_RUNNING}, "stopProcess", name, False)

    def restart(self, name: str, *, stop_seconds: float = 8.0) -> None:
        """Stop one process, wait until it has sealed its file, start it. Raises like start."""
        self.stop(name)
        self._wait_until_down(name, stop_seconds)
        self.start(name)

    def reread_rules(self, name: str) -> None:
        """Have a running collector read its filters again, without a new connection."""
        self._ignoring({rpc.NOT_RUNNING, rpc.BAD_NAME}, "signalProcess", name, "HUP")

    def _follow(
        self, programs: dict[str, Program], changed: files.FileChanges, stop_seconds: float
    ) -> ProgramChanges:
        """Have supervisord read the files again, and do for our groups what they now say."""
        changes = ProgramChanges()
        try:
            added, altered, removed = self._call("reloadConfig")[0]
        except rpc.SupervisordFault as exc:
            self._take_away_unwanted(programs, stop_seconds, changes)
            changes.manager = manager_of(exc)
            return changes
        for name in (name for name in [*removed, *altered] if conf.ids_of(name)):
            self._take_away(name, stop_seconds, changes)
        fresh = {name for name in [*added, *altered] if name in programs}
        for name in sorted(fresh - set(changes.waiting)):
            self._ignoring({rpc.ALREADY_ADDED}, "addProcessGroup", name)
            changes.started.append(name)
        self._wake(programs, fresh, set(changed.revised), changes)
        for name in sorted(set(programs) - fresh):
            if programs[name].must_restart:
                self._restart_one(name, stop_seconds, changes)
        return changes

    def _take_away_unwanted(
        self, programs: dict[str, Program], stop_seconds: float, changes: ProgramChanges
    ) -> None:
        """What nobody wants is stopped even where supervisord cannot read its configuration."""
        for name, process in self._processes().items():
            if process.filter_ids and name not in programs:
                self._take_away(name, stop_seconds, changes)

    def _wake(
        self,
        programs: dict[str, Program],
        fresh: set[str],
        revised: set[str],
        changes: ProgramChanges,
    ) -> None:
        processes = self._processes()
        for name in sorted(set(programs) - fresh):
            process = processes.get(name)
            if process is None:
                changes.waiting[name] = rpc.MESSAGES[rpc.BAD_NAME]
            elif process.state.is_down and programs[name].may_start:
                self._start_one(name, changes)
            elif name in revised and not programs[name].must_restart and is_settled(process):
                self.reread_rules(name)
                changes.signalled.append(name)

    def _start_one(self, name: str, changes: ProgramChanges) -> None:
        """One program that cannot start must not keep the others from theirs."""
        try:
            self.start(name)
            changes.started.append(name)
        except rpc.SupervisordFault as exc:
            changes.waiting[name] = exc.message

    def _restart_one(self, name: str, stop_seconds: float, changes: ProgramChanges) -> None:
        """Stop one that runs, and start it as soon as it has sealed its files."""
        self.stop(name)
        if self._wait_until_down(name, stop_seconds):
            self._start_one(name, changes)
        else:
            changes.waiting[name] = rpc.MESSAGES[rpc.STILL_RUNNING]

    def _take_away(self, name: str, stop_seconds: float, changes: ProgramChanges) -> None:
        self.stop(name)
        if not self._wait_until_down(name, stop_seconds):
            changes.waiting[name] = rpc.MESSAGES[rpc.STILL_RUNNING]
            return
        try:
            self._ignoring({rpc.BAD_NAME}, "removeProcessGroup", name)
            changes.stopped.append(name)
        except rpc.SupervisordFault as exc:
            changes.waiting[name] = exc.message

    def _wait_until_down(self, name: str, stop_seconds: float) -> bool:
        until = clock.monotonic() + stop_seconds
        while True:
            process = self._processes().get(name)
            if process is None or process.state.is_down:
                return True
            if clock.monotonic() >= until:
                return False
            clock.sleep(0.05)

    def _processes(self) -> dict[str, ProcessInfo]:
        processes = (process_info(info) for info in self._call("getAllProcessInfo"))
        return {process.name: process for process in processes}

    def _ignoring(self, codes: set[int], method: str, *arguments: Any) -> None:
        try:
            self._call(method, *arguments)
        except rpc.SupervisordFault as exc:
            if exc.code not in codes:
                raise

    def _call(self, method: str, *arguments: Any) -> Any:
        return rpc.call(self.place.socket, method, *arguments, timeout_seconds=self.timeout_seconds)


def is_settled(process: ProcessInfo) -> bool:
    """Whether it surely listens to signals by now: before that, a HUP would end it.

    A collector that is told nothing sees for itself, within seconds, that its filters changed.
    """
    up = {ProcessState.STARTING, ProcessState.RUNNING}
    if process.state not in up or process.started_at is None:
        return False
    return clock.now() - process.started_at >= SETTLED_AFTER


def process_info(info: dict[str, Any]) -> ProcessInfo:
    """One struct of getAllProcessInfo. A member of a group of several keeps `group:name`."""
    name = info["name"] if info["name"] == info["group"] else f"{info['group']}:{info['name']}"
    state = str(info["statename"]).lower()
    known = state in set(ProcessState)
    return ProcessInfo(
        name=name,
        state=ProcessState(state) if known else ProcessState.UNKNOWN,
        pid=info["pid"] or None,
        started_at=_moment(info["start"]),
        stopped_at=_moment(info["stop"]),
        exit_code=info["exitstatus"],
        spawn_error=info["spawnerr"],
        filter_ids=conf.ids_of(name),
    )


def manager_of(exc: Exception) -> Manager:
    """supervisord's state, out of what went wrong when it was asked."""
    if isinstance(exc, rpc.NoAnswer):
        return Manager(exc.state, exc.message, str(exc.__cause__ or ""))
    if isinstance(exc, rpc.SupervisordFault):
        state = "stopping" if exc.code == rpc.SHUTDOWN_STATE else "broken"
        return Manager(state, exc.message, exc.detail)
    if isinstance(exc, SfmError):
        return Manager("busy" if isinstance(exc, Busy) else "broken", exc.message)
    message = Message(
        "The configuration of the stream processes cannot be written; see the detail."
    )
    return Manager("broken", message, str(exc))


class Busy(SfmError):
    """Another worker is bringing files and processes together at this moment."""


@contextmanager
def one_at_a_time(place: Paths, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the right to change files and groups. Raises Busy after `wait_seconds`.

    The lock ends with the process that holds it; its file is never deleted.
    """
    lock = try_to_lock(place.run / "reconcile.lock", wait_seconds)
    if lock is None:
        raise Busy(Message("Another round is under way; what was asked is done by the next one."))
    with lock:
        yield


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
