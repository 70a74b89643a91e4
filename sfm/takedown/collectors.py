"""Whether every collector that runs knows what was removed: they say so in their heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.extensions import settings
from sfm.models import Heartbeat
from sfm.streams import file_names, lock
from sfm.streams.removed_posts import VERSION
from sfm.supervisord.conf import SAMPLE_PREFIX

WAIT_SECONDS = 8.0  # a heartbeat is written every two seconds
POLL_SECONDS = 0.5
RECENT = timedelta(minutes=1)
ENDED = ("stopped", "needs_person")


def wait_until_known(version: int, watch: Callable[[], object]) -> tuple[str, ...]:
    """Wait some seconds until all collectors know this version of the register of removed posts.

    Returns the programs that still do not: those of an older release, and those that the database
    cannot be read by.
    """
    end = clock.monotonic() + WAIT_SECONDS
    while True:
        unaware = tuple(
            heartbeat.program for heartbeat in _running() if _known_to(heartbeat) < version
        )
        db.session.rollback()
        if not unaware or clock.monotonic() >= end:
            return unaware
        watch()
        clock.sleep(POLL_SECONDS)


def _running() -> list[Heartbeat]:
    heartbeats = db.session.scalars(select(Heartbeat).where(Heartbeat.state.not_in(ENDED)))
    return [
        heartbeat
        for heartbeat in heartbeats
        if heartbeat.beat_at > clock.now() - RECENT or _holds_lock(heartbeat)
    ]


def _holds_lock(heartbeat: Heartbeat) -> bool:
    prefixes = [file_names.filter_prefix(number) for number in heartbeat.filter_ids] or [
        SAMPLE_PREFIX
    ]
    run = settings().instance / "run"
    return any(lock.holder(run, prefix) == heartbeat.pid for prefix in prefixes)


def _known_to(heartbeat: Heartbeat) -> int:
    known = heartbeat.figures.get(VERSION)
    return known if isinstance(known, int) else 0
