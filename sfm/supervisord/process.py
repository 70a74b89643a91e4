"""A process as supervisord shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sfm import clock
from sfm.supervisord import conf

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
    filter_ids: tuple[int, ...]  # that it was made for; none where they share a connection

    @property
    def is_collector(self) -> bool:
        """Whether it is ours and collects filters."""
        return conf.is_collector(self.name)


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


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
