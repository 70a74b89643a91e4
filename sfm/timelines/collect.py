"""Collects one account: from its newest tweet back to what is held, or to X's limit of 3,200.

Each page's tweets and the place they lead to are one transaction, committed here (the documented
exception to "the caller commits"). Killed anywhere, it goes on where the last commit left it.
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
from sfm.accounts import lifecycle, names
from sfm.database import db
from sfm.errors import NotFound
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import TwitterUser
from sfm.networks.adapter import TimelineReader
from sfm.networks.errors import BadRequest
from sfm.networks.meter import Meter
from sfm.networks.page import Page, PostRecord
from sfm.posts.store import Saved, save_page
from sfm.runs.context import RunContext
from sfm.runs.transactions import unit_of_work
from sfm.timelines.cursor import TimelineCursor

BROKEN = "broken-paging"  # the client's own word for a chain that does not come to its end
RANGE = frozenset({"since_id", "until_id"})
_RANGE_NAMED = re.compile(r"\b(?:since|until)_id\b(?!=)")  # not in an address that is quoted
RATE_WEIGHT = 0.3  # of the latest pass in an account's tweets per day

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
_STANDING = select(
    TwitterUser.uid,
    TwitterUser.name,
    TwitterUser.state,
    TwitterUser.tweets_per_day,
    TwitterUser.empty_polls,
    TwitterUser.collected_at,
    TwitterUser.added_at,
    TwitterUser.oldest_item_at,
    TwitterUser.newest_item_at,
).where(_MINE)
_CHANGE = update(TwitterUser).where(_MINE)


@dataclass(frozen=True)
class CollectedAccount:
    """The account being collected; ids are ours and Twitter's."""

    id: int
    uid: int
    name: str


@dataclass
class Collected:
    """What came of one account. `trouble`: how many tweets or pages could not be had."""

    new: int = 0
    known: int = 0
    pages: int = 0
    trouble: int = 0


Begun = tuple[CollectedAccount, TimelineCursor]


def collect(
    client: TimelineReader, run: RunContext, twitter_user_id: int, begun: Begun | None = None
) -> Collected:
    """Everything of one account that is not held yet. Commits after each page.

    `begun` is what `standing_of` has read of it; nobody else moves it during a run.

    With nothing new this is one call. Raises what stops it: TwitterErrors (AccountProblem where
    this account cannot be read), what `run.check` raises, NotFound for an account that was
    deleted here meanwhile, Postponed and DatabaseTrouble. What was committed before is kept.
    """
    collected = Collected()
    subject, place = begun or _begin(twitter_user_id)
    if place.is_under_way:
        # Cut off below its start: the rest of that pass comes first, or it would be a hole.
        try:
            _pass(client, run, subject, place, collected)
        except BadRequest as trouble:
            if not names_range(trouble):
                raise
            _ask_without_range(client, run, subject)
            _give_up_rest(run, subject, place, trouble)
        subject, place = _begin(twitter_user_id)
    if not place.is_under_way:
        _pass(client, run, subject, place, collected)
    return collected


def names_range(refusal: BadRequest) -> bool:
    """Whether it is `since_id` or `until_id` that Twitter refuses. A missing address is not."""
    if refusal.status == 404:
        return False
    return not RANGE.isdisjoint(refusal.parameters) or bool(_RANGE_NAMED.search(refusal.message))


def _ask_without_range(client: TimelineReader, run: RunContext, subject: CollectedAccount) -> None:
    """Make the smallest call for this account without a range. Raises where it is not taken."""
    page = next(iter(client.timeline(subject.uid, page_size=1)))
    run.spend(calls=1, posts=len(page.records))


def _give_up_rest(
    run: RunContext, subject: CollectedAccount, place: TimelineCursor, trouble: BadRequest
) -> None:
    """Twitter will not hear of what lies below: told as an error, so that the new can come."""

    def close() -> None:
        user = db.session.get_one(TwitterUser, subject.id)
        user.held_to_id = place.at_end().held_to_id
        user.pass_newest_id = user.pass_oldest_id = None
        run.fence()

    unit_of_work(close)
    reason = Message(
        "Tweets older than number %(id)s could not be had. %(reason)s",
        id=place.oldest_id,
        reason=trouble.message,
    )
    run.error(subject.name, reason, detail=trouble.detail, twitter_user_id=subject.id)


def _begin(twitter_user_id: int) -> Begun:
    begun = load_cursors([twitter_user_id]).get(twitter_user_id)
    if begun is None:
        raise NotFound(
            Message("This account was removed here, or has no uid yet (see populate_uids).")
        )
    return begun


def load_cursors(ids: Sequence[int]) -> dict[int, Begun]:
    """These accounts as they stand, read without keeping a transaction open over the network.

    Those that are gone here, or have no uid, are left out.
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


def _pass(
    client: TimelineReader,
    run: RunContext,
    subject: CollectedAccount,
    place: TimelineCursor,
    collected: Collected,
) -> None:
    """One way down the timeline: from the top, or from where an earlier pass was cut off."""
    begun_at, new_in_pass = place.oldest_id, 0
    for page in client.timeline(subject.uid, since_id=place.held_to_id, until_id=begun_at):
        run.spend(calls=1, posts=len(page.records))
        ids = [record.post.twitter_id for record in page.records]
        broken = any(problem.kind == BROKEN for problem in page.problems)
        place = place.after_page(ids)
        # A chain that breaks off is taken up again by the next run, unless it got nowhere: then
        # it would break off for ever, and keep everything newer away.
        ended = place.reaches_held(ids) or (
            place.oldest_id == begun_at if broken else page.meta.next_token is None
        )
        place = place.at_end() if ended else place
        before = new_in_pass if ended else None
        mine, strangers = _sorted_out(page, subject)
        keep = partial(_keep, run, subject, mine, place, before, client.meter)
        with client.meter.joined():
            saved = run.pen.write(keep, lambda saved: saved.new)
        new_in_pass += saved.new
        collected.new, collected.known = collected.new + saved.new, collected.known + saved.known
        collected.pages += 1
        collected.trouble += _tell_trouble(run, subject, page, saved, strangers)
        run.advance(0, saved.new, saved=True)
        run.check()
        if ended:
            return


def _keep(
    run: RunContext,
    subject: CollectedAccount,
    mine: Sequence[PostRecord],
    place: TimelineCursor,
    ended_after: int | None,
    meter: Meter,
) -> Saved:
    """One page's tweets and the place it leads to, in the caller's unit of work, which fences it.

    `ended_after`: how many new tweets the pass had before its last page; None of other pages.
    """
    saved = save_page(mine, captured_by="timeline", run_id=run.id, owner=subject.id)
    connection = db.session.connection()
    # Read only now: the counts in its row have just been brought up to date.
    standing = connection.execute(_STANDING, {"account": subject.id}).first()
    if standing is None:
        raise NotFound(
            Message("%(name)s was deleted here while it was being collected.", name=subject.name)
        )
    if standing.uid != subject.uid:
        raise NotFound(
            Message(
                "%(name)s has another uid here than when its posts were asked for, so they were "
                "not kept. The next run asks for those of the account as it is now.",
                name=subject.name,
            )
        )
    _see_author(subject, standing, mine)
    change = {
        "held_to_id": place.held_to_id,
        "pass_newest_id": place.newest_id,
        "pass_oldest_id": place.oldest_id,
    }
    if ended_after is not None:
        change |= _end_of_pass(standing, ended_after + saved.new)
    connection.execute(_CHANGE, {"account": subject.id, **change})
    meter.write(connection)
    return saved


def _see_author(subject: CollectedAccount, standing: Any, records: Sequence[PostRecord]) -> None:
    """Each page tells the account's present name and whether it is protected, at no cost."""
    if not records:
        return
    newest = max(records, key=lambda record: record.post.twitter_id).post
    name = (newest.screen_name or "")[:50] if newest.author_uid == subject.uid else ""
    is_new_name = name not in ("", standing.name)
    is_back = standing.state in (lifecycle.SUSPENDED, lifecycle.NOT_FOUND) or (
        standing.state == lifecycle.PROTECTED and newest.author_protected is False
    )
    if not is_new_name and not is_back:
        return
    user = db.session.get_one(TwitterUser, subject.id, populate_existing=True)
    if is_new_name:
        names.rename(user, name)
    if is_back:
        lifecycle.set_state(user, lifecycle.OK, "")
    db.session.flush()


def _end_of_pass(standing: Any, new: int) -> dict[str, Any]:
    """What the end of a pass says about how often this account is worth asking."""
    now = clock.now()
    quiet_since = standing.newest_item_at or standing.added_at
    quiet = now - quiet_since > timedelta(days=settings().quiet_after_days)
    pause = timedelta(hours=settings().quiet_every_hours)
    return {
        "tweets_per_day": _rate(standing, new, now),
        "empty_polls": 0 if new else standing.empty_polls + 1,
        "collected_at": now,
        "failures": 0,
        "gone_unconfirmed_since": None,
        "ask_again_at": now + pause if quiet and pause else None,
    }


def _rate(standing: Any, new: int, now: datetime) -> float:
    """Tweets per day: of the first pass by the time it spans, then with a memory."""
    since = standing.collected_at or standing.oldest_item_at or standing.added_at
    latest = float(new / max((now - since) / timedelta(days=1), 1 / 24))
    if standing.tweets_per_day is None:
        return latest
    return (1 - RATE_WEIGHT) * float(standing.tweets_per_day) + RATE_WEIGHT * latest


def _tell_trouble(
    run: RunContext, subject: CollectedAccount, page: Page, saved: Saved, strangers: Sequence[int]
) -> int:
    """An error row for each tweet, and for a chain of pages, that could not be had whole."""
    errors = [
        (refusal.message, refusal.raw[:300].decode("utf-8", "replace")) for refusal in page.refused
    ]
    errors += [(rejection.reason, f"tweet {rejection.twitter_id}") for rejection in saved.rejected]
    errors += [(problem.detail, "") for problem in page.problems if problem.kind == BROKEN]
    errors += [
        (
            Message("Twitter sent a tweet of another account, which was left out."),
            f"tweet {twitter_id}",
        )
        for twitter_id in strangers
    ]
    for reason, detail in errors:
        run.error(
            subject.name, reason, detail=detail.replace("\x00", ""), twitter_user_id=subject.id
        )
    return len(errors)


def _sorted_out(page: Page, subject: CollectedAccount) -> tuple[list[PostRecord], list[int]]:
    """The account's own records, and the ids of what is another's."""
    own = (None, subject.uid)
    mine = [record for record in page.records if record.post.author_uid in own]
    if len(mine) == len(page.records):
        return mine, []
    others = [record.post for record in page.records if record.post.author_uid not in own]
    return mine, [tweet.twitter_id for tweet in others]
