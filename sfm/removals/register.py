"""The register of removed posts: who takes posts in or gives them out asks it here.

Who changes it holds the lock of those who write posts, from before the change to its commit. So
whoever saves posts under that lock either comes before the change, and the removal finds what was
saved; or after it, and leaves the removed posts out. An empty register costs one short query.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, delete, func, or_, select

from sfm import audit, clock
from sfm.database import db
from sfm.models import RemovedPost
from sfm.removals.redact import RemovedIds

IDS_AT_ONCE = 500
KEPT_AFTER_RELEASE = timedelta(days=30)  # an export that was begun before compares versions
_NEWEST = (
    "SELECT version, twitter_id, removed_at FROM removed_post "
    "ORDER BY version DESC, twitter_id DESC LIMIT 1"
)

_copy: tuple[tuple[object, ...], RemovedIds] | None = (
    None  # of this process, and which state it has
)


def refused_posts(connection: Connection) -> RemovedIds | None:
    """The posts that are not taken in any more; None where there are none.

    One short query; the ids are read again only after a change. Raises DBAPIError.
    """
    global _copy
    newest = connection.exec_driver_sql(_NEWEST).one_or_none()
    if newest is None:
        return None
    state = (connection.engine.url, *newest)
    copy = _copy
    if copy is None or copy[0] != state:
        copy = _copy = (state, RemovedIds(_ids(connection)))
    return copy[1] if copy[1].ids else None


def version(connection: Connection) -> int:
    """The number of the last change; 0 where there never was one."""
    return int(connection.scalar(select(func.max(RemovedPost.version))) or 0)


def taken_out_version(connection: Connection) -> int:
    """The version at which posts were last taken out of what is kept; 0 for never.

    What was read under one version, and is finished under another, may hold a removed post.
    """
    return int(connection.scalar(select(func.max(RemovedPost.taken_out_version))) or 0)


def add(ids: Iterable[int], kind: str = "takedown", run_id: int | None = None) -> int:
    """Refuse these posts from here on, for ever; the new version. Flushes, the caller commits.

    Hold the lock of those who write posts. An id that was released is refused again.
    """
    numbers = set(ids)
    rows = _rows(numbers)
    numbers -= {row.twitter_id for row in rows if row.refused_until is None}
    if not numbers:
        return version(db.session.connection())
    number = _prepare_change()
    for row in rows:
        if row.twitter_id in numbers:
            row.refused_until, row.version, row.taken_out_version = None, number, None
            numbers.discard(row.twitter_id)
    name = audit.actor().name[:200]
    values = {"kind": kind, "removed_by": name, "run_id": run_id, "version": number}
    db.session.add_all(
        RemovedPost(twitter_id=twitter_id, **values) for twitter_id in sorted(numbers)
    )
    db.session.flush()
    return number


def mark_taken_out(ids: Iterable[int]) -> int:
    """Note that these have just been taken out; the new version. As `add` says."""
    number = _prepare_change()
    for row in _rows(ids):
        row.version = row.taken_out_version = number
    db.session.flush()
    return number


def release(ids: Iterable[int]) -> None:
    """Let these be collected again from now on. As `add` says."""
    number, now = _prepare_change(), clock.now()
    for row in _rows(ids):
        row.version, row.refused_until = number, now
    db.session.flush()


def taken_out_at(ids: Iterable[int]) -> int | None:
    """The version at which the last of these was taken out; None where one of them never was."""
    rows = _rows(ids)
    versions = [row.taken_out_version for row in rows]
    if len(rows) < len(set(ids)) or None in versions:
        return None
    return max((taken_out for taken_out in versions if taken_out is not None), default=None)


def _ids(connection: Connection) -> frozenset[int]:
    still = or_(RemovedPost.refused_until.is_(None), RemovedPost.refused_until > clock.now())
    return frozenset(connection.scalars(select(RemovedPost.twitter_id).where(still)))


def _rows(ids: Iterable[int]) -> list[RemovedPost]:
    numbers = sorted(set(ids))
    rows: list[RemovedPost] = []
    for at in range(0, len(numbers), IDS_AT_ONCE):
        named = RemovedPost.twitter_id.in_(numbers[at : at + IDS_AT_ONCE])
        rows += db.session.scalars(select(RemovedPost).where(named))
    return rows


def _prepare_change() -> int:
    """Drop what has been released for long; the version of the change that comes now."""
    connection = db.session.connection()
    number = version(connection) + 1
    old = RemovedPost.refused_until < clock.now() - KEPT_AFTER_RELEASE
    newest = RemovedPost.version == number - 1  # versions never go back
    db.session.execute(delete(RemovedPost).where(old, ~newest))
    return number
