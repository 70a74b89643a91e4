"""One round: has supervisord read its files again, and starts and stops what they now say."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from sfm import clock
from sfm.messages import Message
from sfm.supervisord import conf, files, rpc
from sfm.supervisord.conf import Program
from sfm.supervisord.manager import RUNNING, Manager, manager_of
from sfm.supervisord.paths import Paths
from sfm.supervisord.process import ProcessInfo, is_settled

LATER = Message("There is too much to do at once; the next round goes on with it.")


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


class Calls(Protocol):
    """What a round asks of supervisord. All raise NoAnswer and SupervisordFault."""

    place: Paths

    def reload_config(self) -> tuple[list[str], list[str], list[str]]:
        """Names of programs added, altered and removed since they were last followed."""

    def processes(self) -> dict[str, ProcessInfo]:
        """All processes by name."""

    def add_group(self, name: str) -> None:
        """Make a program known and start it."""

    def remove_group(self, name: str) -> None:
        """Forget a program that is down."""

    def start(self, name: str) -> None:
        """Start a process."""

    def stop(self, name: str) -> None:
        """Ask a process to stop."""

    def wait_until_down(self, name: str, stop_seconds: float) -> bool:
        """Whether it has ended within this time."""

    def reread_rules(self, name: str) -> None:
        """Have a collector read its filters again."""


class Round:
    """Begins no stop after `round_seconds`; what is left over is told again by supervisord."""

    def __init__(
        self,
        calls: Calls,
        programs: dict[str, Program],
        *,
        stop_seconds: float,
        round_seconds: float,
    ) -> None:
        self.calls, self.programs = calls, programs
        self.stop_seconds = stop_seconds
        self.until = clock.monotonic() + round_seconds
        self.changes = ProgramChanges()

    def follow(self, changed: files.FileChanges) -> ProgramChanges:
        """After the files were written. Each altered program is stopped no longer than it takes."""
        try:
            added, altered, removed = self.calls.reload_config()
        except rpc.SupervisordFault as exc:
            return self.without_files(exc)
        for name in _ours(removed):
            self._take_away(name)
        fresh = [name for name in [*added, *altered] if name in self.programs]
        for name in _ours(added):
            self._add(name)
        for name in _ours(altered):
            if self._take_away(name):
                self._add(name)
        self._wake(set(fresh), set(changed.revised))
        return self.changes

    def without_files(self, exc: Exception) -> ProgramChanges:
        """Where files cannot be written or read: what nobody wants is stopped all the same, and
        what supervisord knows is kept going."""
        self.changes.manager = manager_of(exc, self.calls.place)
        with suppress(rpc.NoAnswer, rpc.SupervisordFault):  # the first trouble is the one to end
            for name, process in self.calls.processes().items():
                if process.is_collector and name not in self.programs:
                    self._take_away(name)
            self._wake(set(), set())
        return self.changes

    def _add(self, name: str) -> None:
        if name in self.programs:
            self.calls.add_group(name)
            self.changes.started.append(name)

    def _wake(self, fresh: set[str], revised: set[str]) -> None:
        """Start what is down, restart what has to be, tell those whose filters changed."""
        processes = self.calls.processes()
        for name in sorted(set(self.programs) - fresh):
            program, process = self.programs[name], processes.get(name)
            if process is None:
                self.changes.waiting[name] = rpc.MESSAGES[rpc.BAD_NAME]
            elif process.state.is_down and program.may_start:
                self._start(name)
            elif program.must_restart:
                self._restart(name)
            elif name in revised and is_settled(process):
                self.calls.reread_rules(name)
                self.changes.signalled.append(name)

    def _start(self, name: str) -> None:
        """One program that cannot start must not keep the others from theirs."""
        try:
            self.calls.start(name)
            self.changes.started.append(name)
        except rpc.SupervisordFault as exc:
            self.changes.waiting[name] = exc.message

    def _restart(self, name: str) -> None:
        """Stop one that runs, and start it as soon as it has sealed its files."""
        if self._stop(name):
            self._start(name)

    def _take_away(self, name: str) -> bool:
        """Whether the program is stopped and forgotten."""
        if not self._stop(name):
            return False
        try:
            self.calls.remove_group(name)
            self.changes.stopped.append(name)
        except rpc.SupervisordFault as exc:
            self.changes.waiting[name] = exc.message
            return False
        return True

    def _stop(self, name: str) -> bool:
        """Whether it is down; what is not begun in time, or takes longer, waits for the next."""
        if clock.monotonic() >= self.until:
            self.changes.waiting[name] = LATER
            return False
        self.calls.stop(name)
        if not self.calls.wait_until_down(name, self.stop_seconds):
            self.changes.waiting[name] = rpc.MESSAGES[rpc.STILL_RUNNING]
            return False
        return True


def _ours(names: Iterable[str]) -> list[str]:
    return [name for name in names if conf.is_collector(name)]
