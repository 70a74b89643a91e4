"""What a filter listens for at a moment, to be kept with what was missed then."""

from __future__ import annotations

from typing import Any

from sfm.models import TwitterFilter
from sfm.models.filter import CRITERIA


def criteria_of(twitter_filter: TwitterFilter) -> dict[str, Any]:
    """Words, people, locations, exact rules and the uids of the people, as JSON takes them."""
    return {name: getattr(twitter_filter, name) for name in CRITERIA}


def filter_from(criteria: dict[str, Any]) -> TwitterFilter:
    """A filter that listens for this; in no session, and without a User."""
    return TwitterFilter(name="then", **{name: criteria[name] for name in CRITERIA})
