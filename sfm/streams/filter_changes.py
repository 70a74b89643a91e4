"""Who changed what a filter listens for or connects with, about when a gap of it began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

NOTICED_WITHIN = timedelta(seconds=60)  # so long after a save its process follows
ROUNDED = timedelta(milliseconds=1)
CREDENTIAL = ("username", "credential_id", "uses_installation_token")


@dataclass(frozen=True)
class FilterChange:
    """One save that made a filter another. `at` is aware UTC, `by` is "" where nobody knows."""

    at: datetime
    by: str
    has_other_rules: bool
    has_other_credential: bool


def changes_of(versions: Iterable[Any]) -> list[FilterChange]:
    """What the versions of a filter, earliest first, say was changed."""
    return [
        FilterChange(
            new.began_at, new.changed_by, new.rules != old.rules,
            any(getattr(new, name) != getattr(old, name) for name in CREDENTIAL),
        )
        for old, new in pairwise(versions)
    ]  # fmt: skip


def behind_a_gap(
    changes: Sequence[FilterChange], began_at: datetime, ended_at: datetime
) -> list[FilterChange]:
    """Those that may have caused a gap: the last one just before it, and all within it."""
    first = began_at + ROUNDED
    before = [change for change in changes if began_at - NOTICED_WITHIN <= change.at <= first]
    return [*before[-1:], *(change for change in changes if first < change.at <= ended_at)]


def names_of(changes: Iterable[FilterChange]) -> str:
    """Who made them, each once; "" where nobody knows."""
    return ", ".join(dict.fromkeys(change.by for change in changes if change.by))
