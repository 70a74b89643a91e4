"""Collects one account: from its newest post back to what is stored, or to X's limit of 3,200.

Each page's posts and its cursor are one transaction, committed here (the documented exception to
"the caller commits"). After a kill, collecting goes on from the last commit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, select, update

from sfm import clock
from sfm.accounts import completeness, lifecycle, names
from sfm.database import db
from sfm.errors import NotFound
from sfm.extensions import settings
from sfm.messages import Message, PluralMessage
from sfm.models import TwitterUser
from sfm.networks.adapter import TimelineReader
from sfm.networks.errors import BadRequest
from sfm.networks.meter import Meter
from sfm.networks.page import BROKEN_PAGING, Page, PostRecord
from sfm.posts.store import Saved, save_page
from sfm.runs.context import RunContext
from sfm.runs.transactions import unit_of_work
from sfm.timelines import holes
from sfm.timelines.cursor import TimelineCursor
from sfm.timelines.holes import Hole, PassEnd, TimelinePass

RANGE = frozenset({"since_id", "until_id"})
_RANGE_NAMED = re.compile(r"\b(?:since|until)_id\b(?!=)")  # not in an address that is quoted
MAX_SLACK = timedelta(hours=1)  # how much sooner a quiet account may be asked again
RATE_WEIGHT = 0.3  # of the latest pass in an account's posts per day

# Made once: making a statement takes longer than carrying it out.
_MINE = TwitterUser.id == bindparam("account")
_CURSORS = select(
    TwitterUser.id,
    TwitterUser.uid,
    TwitterUser.name,
    TwitterUser.held_to_id,
    TwitterUser.pass_newest_id,
    TwitterUser.pass_oldest_id,
).where(
    TwitterUser.id.in_(bindparam("accounts", expanding=True)),
    TwitterUser.uid.is_not(None),
)
_STATE = select(
    TwitterUser.uid,
    TwitterUser.name,
    TwitterUser.state,
    TwitterUser.tweets_per_day,
    TwitterUser.empty_polls,
    TwitterUser.collected_at,
    TwitterUser.added_at,
    TwitterUser.oldest_item_at,
    TwitterUser.newest_item_at,
    TwitterUser.items_count,
    TwitterUser.statuses_count,
).where(_MINE)
_CHANGE = update(TwitterUser).where(_MINE)


@dataclass(frozen=True)
class CollectedAccount:
    """The account being collected, as read at its beginning."""

    id: int
    uid: int
    name: str


@dataclass
class CollectResult:
    """Counts of one account. `trouble`: how many posts or pages could not be collected."""

    new: int = 0
    known: int = 0
    pages: int = 0
    trouble: int = 0


AccountCursor = tuple[CollectedAccount, TimelineCursor]


def collect(
    client: TimelineReader, run: RunContext, account_id: int, loaded: AccountCursor | None = None
) -> CollectResult:
    """Collect all posts of one account that are not stored yet. Commits after each page.

    `loaded` is its entry of `load_cursors`; nobody else changes the cursor during a run.

    With nothing new this is one call. Raises what stops it: NetworkErrors (AccountProblem where
    this account cannot be read), what `run.check` raises, NotFound for an account that was
    deleted here meanwhile, Postponed and DatabaseTrouble. What was committed before is kept.
    """
    collected = CollectResult()
    account, cursor = loaded or _load_cursor(account_id)
    if cursor.is_under_way:
        # Cut off below its start: the rest of that pass comes first, or it would be a hole.
        try:
            _collect_pass(client, run, account, cursor, collected)
        except BadRequest as trouble:
            if not names_range(trouble):
                raise
            _ask_without_range(client, run, account)
            _give_up_rest(run, account, cursor, trouble)
        account, cursor = _load_cursor(account_id)
    if not cursor.is_under_way:
        _collect_pass(client, run, account, cursor, collected)
    return collected


def names_range(refusal: BadRequest) -> bool:
    """Whether it is `since_id` or `until_id` that Twitter refuses. A missing address is not."""
    if refusal.status == 404:
        return False
    return not RANGE.isdisjoint(refusal.parameters) or bool(_RANGE_NAMED.search(refusal.message))


def _ask_without_range(client: TimelineReader, run: RunContext, account: CollectedAccount) -> None:
    """Make the smallest call for this account without a range. Raises where it is refused."""
    page = next(iter(client.timeline(account.uid, page_size=1)))
    run.count_usage(calls=1, posts=page.delivered)


def _give_up_rest(
    run: RunContext, account: CollectedAccount, cursor: TimelineCursor, trouble: BadRequest
) -> None:
    """End a pass whose rest Twitter refuses, with an error row and a hole; new posts go on."""

    def close() -> None:
        twitter_user = db.session.get_one(TwitterUser, account.id)
        twitter_user.held_to_id = cursor.at_end().held_to_id
        twitter_user.pass_newest_id = twitter_user.pass_oldest_id = None
        if cursor.held_to_id is None:
            twitter_user.first_pass_oldest_id = cursor.oldest_id
        if cursor.oldest_id is not None:
            hole = Hole(cursor.held_to_id, cursor.oldest_id, holes.REFUSED)
            holes.add(account.id, hole, run.id)
        run.check_lease()

    unit_of_work(close)
    reason = Message(
        "Posts older than number %(id)s could not be had. %(reason)s",
        id=cursor.oldest_id,
        reason=trouble.message,
    )
    run.error(account.name, reason, detail=trouble.detail, twitter_user_id=account.id)


def _load_cursor(account_id: int) -> AccountCursor:
    loaded = load_cursors([account_id]).get(account_id)
    if loaded is None:
        raise NotFound(
            Message("This account was removed here, or has no uid yet (see populate_uids).")
        )
    return loaded


def load_cursors(ids: Sequence[int]) -> dict[int, AccountCursor]:
    """The cursors of these accounts by account id, read without leaving a transaction open.

    Accounts that are deleted here or have no uid are left out.
    """
    rows = db.session.connection().execute(_CURSORS, {"accounts": ids}).all()
    db.session.rollback()
    return {
        row.id: (
            CollectedAccount(row.id, row.uid, row.name),
            TimelineCursor(row.held_to_id, row.pass_newest_id, row.pass_oldest_id),
        )
        for row in rows
    }


def _collect_pass(
    client: TimelineReader,
    run: RunContext,
    account: CollectedAccount,
    cursor: TimelineCursor,
    collected: CollectResult,
) -> None:
    """One pass down the timeline: from the top, or from where an earlier one was interrupted."""
    timeline_pass = TimelinePass(cursor, cursor)
    for page in holes.pages_down(client, account.uid, cursor):
        run.count_usage(calls=1, posts=page.delivered)
        mine, strangers = _split_by_author(page, account)
        timeline_pass.add([record.post.twitter_id for record in mine])
        end = holes.end_of_pass(client, run, account.id, account.uid, page, timeline_pass)
        keep = partial(_save_page, run, account, mine, timeline_pass, end, client.meter)
        with client.meter.transaction():
            saved = run.group_commit.commit(keep, lambda saved: saved.new)
        timeline_pass.new += saved.new
        collected.new, collected.known = collected.new + saved.new, collected.known + saved.known
        collected.pages += 1
        collected.trouble += _record_problems(run, account, page, saved, strangers)
        run.advance(0, saved.new, saved=True)
        run.check()
        if end is not None:
            _record_limit(run, account, end.hole)
            return


def _record_limit(run: RunContext, account: CollectedAccount, hole: Hole | None) -> None:
    """Add an error row for posts beyond X's limit; what else leaves a hole has one already."""
    if hole is not None and hole.cause == holes.LIMIT:
        reason = completeness.describe_hole(hole.after_id, hole.before_id, hole.cause)
        run.error(account.name, reason, permanent=True, twitter_user_id=account.id)


def _save_page(
    run: RunContext,
    account: CollectedAccount,
    mine: Sequence[PostRecord],
    timeline_pass: TimelinePass,
    end: PassEnd | None,
    meter: Meter,
) -> Saved:
    """Save one page's posts and its cursor in the caller's unit of work.

    `timeline_pass` is the pass with this page; `end` is given with its last one.
    """
    saved = save_page(mine, captured_by="timeline", run_id=run.id, owner=account.id)
    connection = db.session.connection()
    # Read only now: the counts in its row have just been brought up to date.
    state = connection.execute(_STATE, {"account": account.id}).first()
    if state is None:
        raise NotFound(
            Message("%(name)s was deleted here while it was being collected.", name=account.name)
        )
    if state.uid != account.uid:
        raise NotFound(
            Message(
                "%(name)s has another uid here than when its posts were asked for, so they were "
                "not kept. The next run asks for those of the account as it is now.",
                name=account.name,
            )
        )
    _apply_author(account, state, mine)
    cursor = timeline_pass.cursor if end is None else timeline_pass.cursor.at_end()
    change = {
        "held_to_id": cursor.held_to_id,
        "pass_newest_id": cursor.newest_id,
        "pass_oldest_id": cursor.oldest_id,
    }
    if end is not None:
        change |= _end_of_pass(run, state, timeline_pass.new + saved.new)
        change |= _record_hole(run, account, state, mine, timeline_pass, end)
    connection.execute(_CHANGE, {"account": account.id, **change})
    meter.write(connection)
    return saved


def _record_hole(
    run: RunContext,
    account: CollectedAccount,
    state: Any,
    mine: Sequence[PostRecord],
    timeline_pass: TimelinePass,
    end: PassEnd,
) -> dict[str, Any]:
    """Record the hole that a pass leaves; the columns that change with the first pass."""
    hole, is_first = end.hole, timeline_pass.cursor.held_to_id is None
    if is_first and hole is None:
        counts = [record.post.statuses_count for record in mine]
        known = [count for count in (*counts, state.statuses_count) if count is not None]
        on_twitter = max(known, default=None)
        hole = holes.hole_of_first_pass(timeline_pass.cursor, on_twitter, state.items_count)
    if hole is not None:
        holes.add(account.id, hole, run.id)
    return {"first_pass_oldest_id": timeline_pass.cursor.oldest_id} if is_first else {}


def _apply_author(account: CollectedAccount, state: Any, records: Sequence[PostRecord]) -> None:
    """Apply the account's name and protection as its newest post shows them; costs no call."""
    if not records:
        return
    newest = max(records, key=lambda record: record.post.twitter_id).post
    name = (newest.screen_name or "")[:50] if newest.author_uid == account.uid else ""
    is_new_name = name not in ("", state.name)
    is_back = state.state in (lifecycle.SUSPENDED, lifecycle.NOT_FOUND) or (
        state.state == lifecycle.PROTECTED and newest.author_protected is False
    )
    if not is_new_name and not is_back:
        return
    twitter_user = db.session.get_one(TwitterUser, account.id, populate_existing=True)
    if is_new_name:
        names.rename(twitter_user, name)
    if is_back:
        lifecycle.set_state(twitter_user, lifecycle.OK, "")
    db.session.flush()


def _end_of_pass(run: RunContext, state: Any, new: int) -> dict[str, Any]:
    """The columns that change at the end of a pass: rate, empty polls, when to ask again."""
    now = clock.now()
    quiet_since = state.newest_item_at or state.added_at
    quiet = now - quiet_since > timedelta(days=settings().quiet_after_days)
    pause = timedelta(hours=settings().quiet_every_hours)
    return {
        "tweets_per_day": _rate(state, new, now),
        "empty_polls": 0 if new else state.empty_polls + 1,
        "collected_at": now,
        "polled_at": now,
        "failures": 0,
        "gone_unconfirmed_since": None,
        # From the run's beginning, so that a plan every 24 h asks every 24 h.
        "ask_again_at": run.begun_at + pause - min(pause / 10, MAX_SLACK)
        if quiet and pause
        else None,
    }


def _rate(state: Any, new: int, now: datetime) -> float:
    """Posts per day: of the first pass by the time it spans, then as a moving average."""
    since = state.collected_at or state.oldest_item_at or state.added_at
    latest = float(new / max((now - since) / timedelta(days=1), 1 / 24))
    if state.tweets_per_day is None:
        return latest
    return (1 - RATE_WEIGHT) * float(state.tweets_per_day) + RATE_WEIGHT * latest


def _record_problems(
    run: RunContext, account: CollectedAccount, page: Page, saved: Saved, strangers: Sequence[int]
) -> int:
    """Add an error row for each post or chain of pages that could not be collected; how many."""
    errors = [
        (refusal.message, refusal.raw[:300].decode("utf-8", "replace")) for refusal in page.refused
    ]
    errors += [(rejection.reason, f"post {rejection.twitter_id}") for rejection in saved.rejected]
    errors += [(problem.detail, "") for problem in page.problems if problem.kind == BROKEN_PAGING]
    errors += [
        (
            Message("Twitter sent a post of another account, which was left out."),
            f"post {twitter_id}",
        )
        for twitter_id in strangers
    ]
    if nameless := sum(record.post.author_uid is None for record in page.records):
        errors.append((_without_author(nameless), ""))
    for reason, detail in errors:
        run.error(
            account.name, reason, detail=detail.replace("\x00", ""), twitter_user_id=account.id
        )
    return len(errors)


def _without_author(posts: int) -> PluralMessage:
    return PluralMessage(
        "Twitter did not name the author of %(num)s post. It is kept as this account's, whose "
        "timeline it came with.",
        "Twitter did not name the author of %(num)s posts. They are kept as this account's, whose "
        "timeline they came with.",
        posts,
    )


def _split_by_author(page: Page, account: CollectedAccount) -> tuple[list[PostRecord], list[int]]:
    """The account's own records, and the ids of posts of other accounts."""
    own = (None, account.uid)
    mine = [record for record in page.records if record.post.author_uid in own]
    if len(mine) == len(page.records):
        return mine, []
    others = [record.post for record in page.records if record.post.author_uid not in own]
    return mine, [tweet.twitter_id for tweet in others]
