"""What we ask of supervisord: show its processes, and bring them together with those wanted.

A supervisord that is away, locked or stuck is an answer here, not an error: the change is kept in
the database, the files say what is wanted, and the next round tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sfm import clock
from sfm.errors import SfmError
from sfm.file_lock import try_to_lock
from sfm.messages import Message
from sfm.supervisord import files, rpc
from sfm.supervisord.conf import Program
from sfm.supervisord.follow import ProgramChanges, Round
from sfm.supervisord.last_trouble import keep_trouble, kept_trouble
from sfm.supervisord.manager import RUNNING, Busy, Manager, manager_of
from sfm.supervisord.owner import check_owner
from sfm.supervisord.paths import Paths, make_folders
from sfm.supervisord.process import ProcessInfo, process_info


@dataclass(frozen=True)
class View:
    """supervisord and all its processes, ours and others', at one moment."""

    manager: Manager
    processes: tuple[ProcessInfo, ...] = ()


class SupervisordClient:
    """The way to one supervisord. Keeps no connection.

    `patience_seconds` is all that one client waits for a supervisord that does not answer, and for
    the turn of its round: a stuck one is not asked again. Processes that stop have times of their
    own. One client serves one request, or one round.
    """

    def __init__(self, place: Paths, *, patience_seconds: float = 5.0) -> None:
        self.place = place
        self.patience_seconds = patience_seconds

    def view(self) -> View:
        """All processes, or why supervisord cannot be asked. Never raises for its troubles.

        One that answers, but could not follow the last round, is broken.
        """
        try:
            processes = tuple(self.processes().values())
        except (rpc.NoAnswer, rpc.SupervisordFault) as exc:
            return View(manager_of(exc, self.place))
        return View(kept_trouble(self.place) or RUNNING, processes)

    def configured(self) -> list[str]:
        """Names of the collectors that have a configuration file."""
        return files.configured(self.place)

    def reconcile(
        self,
        programs_to_run: Iterable[Program] | Callable[[], Iterable[Program]],
        *,
        stop_seconds: float = 8.0,
        round_seconds: float = 60.0,
    ) -> ProgramChanges:
        """Bring files and processes together with the programs wanted; touches no others.

        A function is asked what is wanted when it is this round's turn: what another round has
        just brought about is not undone by an older state.
        Waits up to `stop_seconds` for a process to seal its file before it is taken away; one
        that takes longer is left for the next round, and so is what would be stopped after
        `round_seconds`. One round at a time, on this machine.
        """
        try:
            make_folders(self.place)
            with self._one_at_a_time():
                changes = self._round(programs_to_run, stop_seconds, round_seconds)
                keep_trouble(self.place, changes.manager)
                return changes
        except (SfmError, OSError) as exc:
            manager = manager_of(exc, self.place)
            keep_trouble(self.place, manager)
            return ProgramChanges(manager)

    def _round(
        self,
        programs_to_run: Iterable[Program] | Callable[[], Iterable[Program]],
        stop_seconds: float,
        round_seconds: float,
    ) -> ProgramChanges:
        current = programs_to_run() if callable(programs_to_run) else programs_to_run
        programs = {program.name: program for program in current}
        turn = Round(self, programs, stop_seconds=stop_seconds, round_seconds=round_seconds)
        try:
            check_owner(self.place)
            changed = files.write_files(self.place, programs.values())
        except (SfmError, OSError) as exc:
            return turn.without_files(exc)
        return turn.follow(changed)

    def start(self, name: str) -> None:
        """Start one process; good too where it runs already. Raises NoAnswer and Fault."""
        self._ignoring({rpc.ALREADY_STARTED}, "startProcess", name, False)

    def stop(self, name: str) -> None:
        """Ask one process to stop; good too where it has. Raises NoAnswer and Fault."""
        self._ignoring({rpc.NOT_RUNNING}, "stopProcess", name, False)

    def restart(self, name: str, *, stop_seconds: float = 8.0) -> None:
        """Stop one process, wait until it has sealed its file, start it. Raises like start."""
        self.stop(name)
        self.wait_until_down(name, stop_seconds)
        self.start(name)

    def reread_rules(self, name: str) -> None:
        """Have a running collector read its filters again, without a new connection."""
        self._ignoring({rpc.NOT_RUNNING, rpc.BAD_NAME}, "signalProcess", name, "HUP")

    def reload_config(self) -> tuple[list[str], list[str], list[str]]:
        """As `follow.Calls` says."""
        added, altered, removed = self._call("reloadConfig")[0]
        return added, altered, removed

    def add_group(self, name: str) -> None:
        """As `follow.Calls` says."""
        self._ignoring({rpc.ALREADY_ADDED}, "addProcessGroup", name)

    def remove_group(self, name: str) -> None:
        """As `follow.Calls` says."""
        self._ignoring({rpc.BAD_NAME}, "removeProcessGroup", name)

    def wait_until_down(self, name: str, stop_seconds: float) -> bool:
        """As `follow.Calls` says."""
        until = clock.monotonic() + stop_seconds
        while True:
            if self._is_down(name):
                return True
            if clock.monotonic() >= until:
                return False
            clock.sleep(0.05)

    def processes(self) -> dict[str, ProcessInfo]:
        """As `follow.Calls` says."""
        processes = (process_info(info) for info in self._call("getAllProcessInfo"))
        return {process.name: process for process in processes}

    def _is_down(self, name: str) -> bool:
        try:
            return process_info(self._call("getProcessInfo", name)).state.is_down
        except rpc.SupervisordFault as exc:
            if exc.code != rpc.BAD_NAME:
                raise
            return True

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Hold the right to change files and groups. Raises Busy where another keeps it.

        The lock ends with the process that holds it; its file is never deleted. Half of the
        patience is left for supervisord.
        """
        begun = clock.monotonic()
        lock = try_to_lock(self.place.run / "reconcile.lock", self.patience_seconds / 2)
        self.patience_seconds -= clock.monotonic() - begun
        if lock is None:
            raise Busy(
                Message("Another round is under way; what was asked is done by the next one.")
            )
        with lock:
            yield

    def _ignoring(self, codes: set[int], method: str, *arguments: Any) -> None:
        try:
            self._call(method, *arguments)
        except rpc.SupervisordFault as exc:
            if exc.code not in codes:
                raise

    def _call(self, method: str, *arguments: Any) -> Any:
        """One call; after one that was not answered in time, none."""
        if self.patience_seconds <= 0:
            raise rpc.no_answer(TimeoutError())
        try:
            return rpc.call(
                self.place.socket, method, *arguments, timeout_seconds=self.patience_seconds
            )
        except rpc.NoAnswer as exc:
            if exc.state == "stuck":
                self.patience_seconds = 0
            raise
