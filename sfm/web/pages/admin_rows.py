"""Rows of the administration's plain tables, newest first, as keyset pages."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from sfm.accounts import queries
from sfm.models import Link, Run, RunError, TwitterUserItem
from sfm.web.pagination import Slice, SortOrder, slice_of

SIZE = 50


def item_rows(name: str, kind: str, token: str | None) -> Slice[TwitterUserItem]:
    """Tweets; of the accounts that have or had this name, where one is given."""
    wanted = select(TwitterUserItem).options(joinedload(TwitterUserItem.twitter_user))
    if name:
        named = queries.by_name(name)
        ids = [user.id for user in (*named.now, *named.once)]
        wanted = wanted.where(TwitterUserItem.twitter_user_id.in_(ids))
    if kind:
        wanted = wanted.where(TwitterUserItem.kind == kind)
    order = SortOrder(
        f"items {kind} {name}", (TwitterUserItem.twitter_id,), (int,), descending=True
    )
    return slice_of(wanted, order, token, SIZE)


def link_rows(text: str, token: str | None) -> Slice[Link]:
    """Links that were looked at or wait for it; from this domain, or beginning with this."""
    wanted = select(Link)
    if text:
        domain = text.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
        begins = Link.start_url.startswith(text, autoescape=True)
        wanted = wanted.where(or_(Link.final_domain == domain, begins))
    return slice_of(wanted, SortOrder("links", (Link.id,), (int,), descending=True), token, SIZE)


def job_rows(state: str, token: str | None) -> Slice[Run]:
    """Timeline jobs, in this state where one is given."""
    wanted = select(Run).where(Run.kind == "user_timeline")
    if state:
        wanted = wanted.where(Run.state == state)
    return slice_of(
        wanted, SortOrder(f"jobs {state}", (Run.id,), (int,), descending=True), token, SIZE
    )


def error_rows(text: str, token: str | None) -> Slice[RunError]:
    """What jobs could not do; about accounts or reasons with this text."""
    wanted = select(RunError).options(joinedload(RunError.run))
    if text:
        name = text.removeprefix("@")
        wanted = wanted.where(
            or_(
                RunError.subject.icontains(name, autoescape=True),
                RunError.reason.icontains(text, autoescape=True),
            )
        )
    return slice_of(
        wanted, SortOrder("errors", (RunError.id,), (int,), descending=True), token, SIZE
    )
