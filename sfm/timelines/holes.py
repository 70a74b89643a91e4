"""Finds posts that X no longer gives, between those kept before and those a pass has received.

X moves a `since_id` that is out of its reach to the oldest post that it still gives, without a
word. So wherever more than one page came, the newest post kept before is asked for too: it has to
come back, or posts before it, or X has to say that it is deleted. See docs/decisions/0036.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from sfm import clock
from sfm.database import db
from sfm.models import TimelineHole, TwitterUserItem
from sfm.networks.adapter import TimelineReader
from sfm.networks.page import BROKEN_PAGING, Page
from sfm.runs.context import RunContext
from sfm.timelines.cursor import TimelineCursor

LIMIT, REFUSED, BROKEN_CHAIN = "limit", "refused", "broken_paging"
MAX_POSTS_GIVEN = 3_200  # of one timeline, the newest. Source: X API v2, "GET /2/users/:id/tweets"
MAX_LOOKED_UP = 100  # kept posts that are asked for by their ids, one call


@dataclass(frozen=True)
class Hole:
    """Posts that could not be had lie between these two ids; `after_id` None: from the first on."""

    after_id: int | None
    before_id: int
    cause: str


@dataclass
class TimelinePass:
    """One pass under way: its cursor at its beginning and now, its pages and new posts so far."""

    first: TimelineCursor
    cursor: TimelineCursor
    pages: int = 0
    new: int = 0

    def add(self, ids: Sequence[int]) -> None:
        """Take in a page with posts of these ids."""
        self.cursor, self.pages = self.cursor.after_page(ids), self.pages + 1


@dataclass(frozen=True)
class PassEnd:
    """That a pass has ended, and the hole that it leaves, if there is one."""

    hole: Hole | None = None


def pages_down(client: TimelineReader, uid: int, cursor: TimelineCursor) -> Iterator[Page]:
    """The pages of one pass, newest first, down to the newest post that is kept.

    That post itself is among them, unless all that is new came with the first page.
    """
    held_to_id, below_id = cursor.held_to_id, cursor.oldest_id
    if held_to_id is None:
        yield from client.timeline(uid, until_id=below_id)
        return
    if below_id is None:
        # X bills posts, not calls: with nothing new, this first page costs nothing.
        page = next(iter(client.timeline(uid, since_id=held_to_id)))
        yield page
        if page.meta.next_token is None:
            return
        own = [record.post for record in page.records if record.post.author_uid in (None, uid)]
        below_id = min((post.twitter_id for post in own), default=None)
    yield from client.timeline(uid, since_id=held_to_id - 1, until_id=below_id)


def end_of_pass(
    client: TimelineReader,
    run: RunContext,
    account_id: int,
    uid: int,
    page: Page,
    timeline_pass: TimelinePass,
) -> PassEnd | None:
    """Whether this page is the last of its pass, and with which hole; None where it goes on.

    May make one or two calls to find out; raises NetworkErrors.
    """
    cursor = timeline_pass.cursor
    if cursor.has_reached_held:
        return PassEnd()
    if any(problem.kind == BROKEN_PAGING for problem in page.problems):
        # A chain that breaks off is taken up again by the next run, unless it got nowhere: then
        # it would break off for ever, and keep everything newer away.
        if cursor.oldest_id != timeline_pass.first.oldest_id:
            return None
        below = cursor.oldest_id
        return PassEnd(None if below is None else Hole(cursor.held_to_id, below, BROKEN_CHAIN))
    if page.meta.next_token is not None:
        return None
    if timeline_pass.pages == 1 and not timeline_pass.first.is_under_way:
        return PassEnd()  # one page is no more than X gives: nothing is beyond its reach
    return PassEnd(_hole_above_kept(client, run, account_id, uid, cursor))


def _hole_above_kept(
    client: TimelineReader, run: RunContext, account_id: int, uid: int, cursor: TimelineCursor
) -> Hole | None:
    """The hole above the posts kept before, where a pass has ended without reaching them."""
    held_to_id, before_id = cursor.held_to_id, cursor.oldest_id
    if held_to_id is None or before_id is None:
        return None
    if _gives_older(client, run, uid, held_to_id) or not _shows_any(
        client, run, _newest_kept(account_id, held_to_id)
    ):
        return None
    return Hole(held_to_id, before_id, LIMIT)


def hole_of_first_pass(cursor: TimelineCursor, on_twitter: int | None, kept: int) -> Hole | None:
    """The hole below a first pass: older posts than the newest 3,200, of an account with more.

    `on_twitter`: how many posts X says the account has; None if unknown, then `kept` counts.
    """
    if cursor.oldest_id is None:
        return None
    count = kept + 1 if on_twitter is None else on_twitter
    return Hole(None, cursor.oldest_id, LIMIT) if count > MAX_POSTS_GIVEN else None


def add(account_id: int, hole: Hole, run_id: int) -> None:
    """Record a hole, in the caller's unit of work."""
    db.session.connection().execute(
        insert(TimelineHole).values(
            twitter_user_id=account_id,
            after_id=hole.after_id,
            before_id=hole.before_id,
            cause=hole.cause,
            noted_at=clock.now(),
            run_id=run_id,
        )
    )


def _gives_older(client: TimelineReader, run: RunContext, uid: int, post_id: int) -> bool:
    """Whether X still gives posts of the account from before this one."""
    page = next(iter(client.timeline(uid, until_id=post_id, page_size=5)))
    run.count_usage(calls=1, posts=page.delivered)
    return bool(page.records) or page.meta.next_token is not None


def _shows_any(client: TimelineReader, run: RunContext, post_ids: Sequence[int]) -> bool:
    """Whether X still shows one of these posts by its id: then they are not deleted."""
    for page in client.posts_by_id(post_ids):
        run.count_usage(calls=1, posts=page.delivered)
        if page.records:
            return True
    return False


def _newest_kept(account_id: int, up_to_id: int) -> list[int]:
    """The ids of the newest posts that are kept, up to this one, at most 100."""
    ids = db.session.scalars(
        select(TwitterUserItem.twitter_id)
        .where(
            TwitterUserItem.twitter_user_id == account_id, TwitterUserItem.twitter_id <= up_to_id
        )
        .order_by(TwitterUserItem.twitter_id.desc())
        .limit(MAX_LOOKED_UP)
    ).all()
    db.session.rollback()
    return list(dict.fromkeys([up_to_id, *ids]))[:MAX_LOOKED_UP]
