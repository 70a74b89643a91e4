"""What a collector carries: the filters it was started for, and those that share its connection."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import select

from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import connections, service, validation
from sfm.filters.gaps import CREDENTIAL_CHANGED, TOLD
from sfm.models import TwitterFilter
from sfm.streams.routing import Carried

logger = logging.getLogger(__name__)


def signature() -> tuple[object, ...]:
    """Changes whenever any filter does."""
    columns = (TwitterFilter.id, TwitterFilter.changed_at)
    return tuple(tuple(row) for row in db.session.execute(select(*columns).order_by("id")))


def carried_filters(
    filter_ids: Collection[int], *, fingerprint: str, share: bool, only_active: bool
) -> Carried:
    """The filters to carry now, with their rules. One whose rules cannot be made is left out."""
    rules = {}
    newest = 0
    for found in db.session.scalars(select(TwitterFilter).order_by(TwitterFilter.id)):
        active = found.is_active and found.held_at is None
        mine = found.id in filter_ids and (active or not only_active)
        if not mine and not (share and active):
            continue
        if connections.fingerprint_of(found) != fingerprint:
            continue
        newest = max(newest, service.revision(found))
        try:
            rules[found.id] = validation.stream_rules(found)
        except SfmError as exc:
            logger.error("filter left out filter=%d why=%s", found.id, exc.message)
    return Carried(rules, newest)


def why_left(filter_id: int, fingerprint: str) -> tuple[str, str] | None:
    """Why a filter is no longer carried with this credential, as cause and sentence of a gap; None
    where it is deleted, not active or stopped, which has a gap of its own."""
    found = db.session.get(TwitterFilter, filter_id)
    if found is None or not found.is_active or found.held_at is not None:
        return None
    if connections.fingerprint_of(found) != fingerprint:
        return CREDENTIAL_CHANGED, TOLD[CREDENTIAL_CHANGED]
    return "no_rules", "No rules can be made of the filter; edit it."
