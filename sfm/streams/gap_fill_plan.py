"""What search can still be asked for a gap, and what it cannot: decided before a fill, and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sfm import clock
from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.filters import validation
from sfm.filters.coverage_due import version_criteria, versions_between
from sfm.filters.criteria import criteria_of, filter_from
from sfm.messages import N_, Message, join_messages
from sfm.models import Gap, TwitterFilter
from sfm.streams.gap_causes import CoverageGap

SEARCH_REACH = timedelta(days=7)
MARGIN = timedelta(seconds=10)  # posts come late, and clocks differ
OUT_OF_REACH = N_("%(first)s to %(last)s: search reaches back seven days only.")
NOT_THERE_YET = N_("%(first)s to %(last)s: it was too new for search.")
TOO_NEW = timedelta(seconds=15)  # Source: X, search's end is 10 s ago at most


@dataclass(frozen=True)
class FillPart:
    """A time (aware UTC) in which a filter listened for the same, and the queries to ask for it.
    `not_searched` are sentences that say what of it is left out."""

    start: datetime
    end: datetime
    queries: tuple[str, ...]
    not_searched: tuple[str, ...]


@dataclass(frozen=True)
class FillPlan:
    """What to ask for a gap, part by part; `is_too_new` is whether its end can be asked for
    later."""

    parts: tuple[FillPart, ...]
    is_too_new: bool

    @property
    def start(self) -> datetime:
        return self.parts[0].start

    @property
    def end(self) -> datetime:
        return self.parts[-1].end


def span_of(gap: Gap | CoverageGap) -> tuple[datetime, datetime]:
    """Start and end (aware UTC) of what can be searched; end <= start where nothing can."""
    earliest = clock.now() - SEARCH_REACH + timedelta(minutes=1)
    ended_at = gap.ended_at or clock.now()
    return max(gap.began_at - MARGIN, earliest), min(ended_at + MARGIN, clock.now() - TOO_NEW)


def plan_of(gap: Gap, twitter_filter: TwitterFilter) -> FillPlan:
    """What to ask for an ended gap of this filter, with the words of the time of each part.

    Raises WrongInput where nothing can be asked, BadFilter.
    """
    start, end = span_of(gap)
    ended_at = gap.ended_at or end
    if start >= end:
        raise WrongInput(
            Message("Search reaches back seven days only, and nothing of this gap is within them.")
        )
    parts = [_part(*times) for times in _listened_for(gap, twitter_filter, start, end)]
    if not any(part.queries for part in parts):
        left_out = [why for part in parts for why in part.not_searched]
        raise WrongInput(
            join_messages([Message("Nothing of this gap can be searched."), *left_out])
        )
    if start > gap.began_at:
        parts[0] = _with_left_out(parts[0], gap.began_at, start, OUT_OF_REACH)
    if end < ended_at:
        parts[-1] = _with_left_out(parts[-1], end, ended_at, NOT_THERE_YET)
    return FillPlan(tuple(parts), end < ended_at)


def _listened_for(
    gap: Gap, twitter_filter: TwitterFilter, start: datetime, end: datetime
) -> list[tuple[datetime, datetime, TwitterFilter, list[str]]]:
    """From when to when in this time the filter listened for what, and what is unknown of that.

    Before its versions were kept, it is what was noted with the gap.
    """
    versions = versions_between(gap.prefix, max(gap.began_at, start), gap.ended_at or end)
    known_from = versions[0].began_at if versions else end
    parts = []
    if versions and known_from <= gap.began_at:
        known_from = start
    if start < known_from:
        then = filter_from(gap.criteria) if gap.criteria else twitter_filter
        parts.append((start, known_from, then, _unknown_criteria(gap, twitter_filter, known_from)))
    for place, version in enumerate(versions):
        began_at = max(version.began_at, start) if place else known_from
        ended_at = end if place + 1 == len(versions) else min(version.ended_at or end, end)
        if began_at < ended_at:
            parts.append((began_at, ended_at, filter_from(version_criteria(version)), []))
    return parts


def _part(
    start: datetime, end: datetime, twitter_filter: TwitterFilter, unknown: list[str]
) -> FillPart:
    search = validation.search_plan(twitter_filter)
    left_out = [*(_too_long(rule) for rule in search.too_long), *unknown]
    return FillPart(start, end, search.queries, tuple(left_out))


def _with_left_out(part: FillPart, first: datetime, last: datetime, why: str) -> FillPart:
    sentence = Message(why, first=clock.iso(first), last=clock.iso(last))
    return replace(part, not_searched=(*part.not_searched, sentence))


def _too_long(rule: str) -> str:
    return Message(
        "The rule “%(rule)s” has %(count)s characters: search does not take it (its limit is "
        "%(limit)s).",
        rule=rule,
        count=len(rule),
        limit=NETWORK.rules.search_characters,
    )


def _unknown_criteria(gap: Gap, twitter_filter: TwitterFilter, known_from: datetime) -> list[str]:
    """Where what the filter listened for before its versions were kept is not known."""
    since = min(twitter_filter.criteria_since or known_from, known_from)
    if since <= gap.began_at or gap.criteria not in (None, criteria_of(twitter_filter)):
        return []
    if gap.criteria is not None and gap.ended_at is not None and since >= gap.ended_at:
        return []
    return [
        Message(
            "What the filter listened for before %(since)s is not known here.",
            since=clock.iso(since),
        )
    ]
