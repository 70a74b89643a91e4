"""Plans which processes the active filters need. Pure.

A program is a connection and the filters it collects: one each, or, where connections are shared,
all active filters of one credential. A shared program is named by that credential, so that a filter
more or less is no new connection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sfm.supervisord.conf import CONNECTION_LENGTH, Program, ids_of

MAX_NAME = 100  # longer names of older versions are given up: their files would not be written
_FINGERPRINT = re.compile(rf"[0-9a-f]{{{CONNECTION_LENGTH}}}")


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
        program = Program(ids, collected[0].revision)
        if share:
            program = _shared_program(fingerprint, collected, names)
        programs.append(program)
        filter_ids[program.name] = ids
        fingerprints[program.name] = fingerprint
    return ProgramPlan(tuple(programs), filter_ids, waiting, fingerprints)


def _shared_program(fingerprint: str, group: list[ProgramRequest], running: list[str]) -> Program:
    """The one program of a credential: as it runs now, else named by its connection.

    One that an older version named by its filters keeps that name while it collects one of them.
    """
    ids = tuple(request.filter_id for request in group)
    revision = max(request.revision for request in group)
    if not _FINGERPRINT.match(fingerprint):  # no credential: it will say so
        return Program(ids[:1], revision)
    shared = Program(ids, revision, connection=fingerprint[:CONNECTION_LENGTH])
    older = max(running, key=lambda name: len(set(ids_of(name)) & set(ids)), default="")
    if shared.name in running or not set(ids_of(older)) & set(ids) or len(older) > MAX_NAME:
        return shared
    running.remove(older)
    return Program(ids_of(older), revision)
