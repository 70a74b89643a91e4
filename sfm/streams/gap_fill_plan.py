"""What search can still be asked for a gap, and what it cannot: decided before a fill, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sfm import clock
from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.filters import validation
from sfm.filters.criteria import criteria_of, filter_from
from sfm.messages import Message, join_messages
from sfm.models import Gap, TwitterFilter
from sfm.streams.gap_causes import CoverageGap

SEARCH_REACH = timedelta(days=7)
MARGIN = timedelta(seconds=10)  # posts come late, and clocks differ
TOO_NEW = timedelta(seconds=15)  # Source: X, search's end is 10 s ago at most


@dataclass(frozen=True)
class FillPlan:
    """The time (aware UTC) and the queries to ask for; `not_searched` are sentences that say what
    of the gap is left out, `is_too_new` whether its end can be asked for later."""

    start: datetime
    end: datetime
    queries: tuple[str, ...]
    not_searched: tuple[str, ...]
    is_too_new: bool


def span_of(gap: Gap | CoverageGap) -> tuple[datetime, datetime]:
    """Start and end (aware UTC) of what can be searched; end <= start where nothing can."""
    earliest = clock.now() - SEARCH_REACH + timedelta(minutes=1)
    ended_at = gap.ended_at or clock.now()
    return max(gap.began_at - MARGIN, earliest), min(ended_at + MARGIN, clock.now() - TOO_NEW)


def plan_of(gap: Gap, twitter_filter: TwitterFilter) -> FillPlan:
    """What to ask for an ended gap of this filter. Raises WrongInput where nothing can be asked,
    BadFilter."""
    start, end = span_of(gap)
    ended_at = gap.ended_at or end
    if start >= end:
        raise WrongInput(
            Message("Search reaches back seven days only, and nothing of this gap is within them.")
        )
    then = filter_from(gap.criteria) if gap.criteria else twitter_filter
    search = validation.search_plan(then)
    left_out = [_too_long(rule) for rule in search.too_long]
    if not search.queries:
        raise WrongInput(
            join_messages([Message("Nothing of this gap can be searched."), *left_out])
        )
    left_out += _unknown_criteria(gap, twitter_filter)
    if start > gap.began_at:
        left_out.append(
            Message(
                "%(first)s to %(last)s: search reaches back seven days only.",
                first=clock.iso(gap.began_at),
                last=clock.iso(start),
            )
        )
    if end < ended_at:
        left_out.append(
            Message(
                "%(first)s to %(last)s: it was too new for search.",
                first=clock.iso(end),
                last=clock.iso(ended_at),
            )
        )
    return FillPlan(start, end, search.queries, tuple(left_out), end < ended_at)


def _too_long(rule: str) -> str:
    return Message(
        "The rule “%(rule)s” has %(count)s characters: search does not take it (its limit is "
        "%(limit)s).",
        rule=rule,
        count=len(rule),
        limit=NETWORK.rules.search_characters,
    )


def _unknown_criteria(gap: Gap, twitter_filter: TwitterFilter) -> list[str]:
    """Where what the filter listened for was changed within the gap, or is not known."""
    since = twitter_filter.criteria_since
    if since is None or since <= gap.began_at:
        return []
    if gap.criteria is not None and gap.ended_at is not None and since >= gap.ended_at:
        return []
    if gap.criteria in (None, criteria_of(twitter_filter)):
        return [
            Message(
                "What the filter listened for before %(since)s is not known here.",
                since=clock.iso(since),
            )
        ]
    return [
        Message(
            "The filter was changed at %(since)s: what it listens for since then was not searched.",
            since=clock.iso(since),
        )
    ]
