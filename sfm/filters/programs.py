"""Plans which processes the active filters need. Pure.

A program is a connection and the filters it collects: one each, or, where connections are shared,
all active filters of one credential. A shared program keeps the name it was started with while it
collects at least one of these filters, so that a filter more or less is no new connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sfm.supervisord.conf import Program, ids_of


@dataclass(frozen=True)
class ProgramRequest:
    """An active filter: its id, its credential, and a number that grows when it changes."""

    filter_id: int
    fingerprint: str
    revision: int


@dataclass(frozen=True)
class ProgramPlan:
    """Programs, the filters each collects, and filters that wait for another's connection."""

    programs: tuple[Program, ...]
    filter_ids: dict[str, tuple[int, ...]]  # program -> its filters
    waiting: dict[int, int]  # filter -> the filter that holds its credential
    fingerprints: dict[str, str] = field(default_factory=dict)  # program -> its credential


def plan(
    requests: Iterable[ProgramRequest], *, share: bool, running: Collection[str] = ()
) -> ProgramPlan:
    """The programs that these filters need. `running` are names that have a configuration now."""
    groups: dict[str, list[ProgramRequest]] = {}
    for request in sorted(requests, key=lambda request: request.filter_id):
        groups.setdefault(request.fingerprint, []).append(request)
    programs: list[Program] = []
    filter_ids: dict[str, tuple[int, ...]] = {}
    waiting: dict[int, int] = {}
    names = sorted(running)
    fingerprints: dict[str, str] = {}
    for fingerprint, group in groups.items():
        collected = group if share else group[:1]
        waiting |= {request.filter_id: group[0].filter_id for request in group[len(collected) :]}
        ids = tuple(request.filter_id for request in collected)
        name_ids = _kept_name(ids, names) if share else ids
        program = Program(name_ids, max(request.revision for request in collected))
        programs.append(program)
        filter_ids[program.name] = ids
        fingerprints[program.name] = fingerprint
    return ProgramPlan(tuple(programs), filter_ids, waiting, fingerprints)


def _kept_name(ids: tuple[int, ...], names: list[str]) -> tuple[int, ...]:
    """The filters in the name of the program that collects most of these now; else these."""
    best = max(names, key=lambda name: len(set(ids_of(name)) & set(ids)), default="")
    if not set(ids_of(best)) & set(ids):
        return ids
    names.remove(best)
    return ids_of(best)
