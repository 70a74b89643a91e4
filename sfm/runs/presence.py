"""Whether anybody does what is queued here: a scheduler of a web process, or the command `work`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from sfm import clock
from sfm.database import db
from sfm.messages import Message
from sfm.models import Lease, Run
from sfm.runs import leases
from sfm.runs.leases import new_owner

LEADER_LEASE = "leader:scheduler"
COMMAND_LEASE = "worker:command"
LATELY = timedelta(minutes=15)
BEATING = timedelta(minutes=2)
NOBODY = Message(
    "Nobody does what is asked for here: no scheduler runs, and the command “work” has not been "
    "called for a quarter of an hour. An administrator starts one of them; until then it waits."
)


def record_command() -> None:
    """Note, about once a minute, that the command `work` is here now. Commits on its own."""
    if not _was_seen((COMMAND_LEASE,), clock.now() - timedelta(minutes=1)):
        leases.take(COMMAND_LEASE, new_owner(), seconds=0)


def notice() -> str:
    """A sentence where something is queued that nobody does; else empty."""
    now = clock.now()
    due = or_(Run.not_before.is_(None), Run.not_before <= now)
    if db.session.scalar(select(Run.id).where(Run.state == "queued", due).limit(1)) is None:
        return ""
    return "" if _is_anybody_here(now) else NOBODY


def _is_anybody_here(now: datetime) -> bool:
    if _was_seen((LEADER_LEASE, COMMAND_LEASE), now - LATELY):
        return True
    at_work = select(Run.id).where(
        Run.state == "running", Run.origin != "command", Run.heartbeat_at >= now - BEATING
    )
    return db.session.scalar(at_work.limit(1)) is not None


def _was_seen(names: tuple[str, ...], since: datetime) -> bool:
    with db.engine.connect() as connection:
        seen = select(Lease.name).where(Lease.name.in_(names), Lease.expires_at >= since).limit(1)
        return connection.scalar(seen) is not None
