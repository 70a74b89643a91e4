"""Arithmetic of times from a moment on up to before another. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]  # from, up to before


def meets(span: Span, began_at: datetime, ended_at: datetime | None) -> bool:
    """Whether a time falls into a span; one without an end goes on."""
    return began_at < span[1] and (ended_at is None or ended_at > span[0])


def merged(spans: Iterable[Span], least_break: timedelta = timedelta(0)) -> list[Span]:
    """The same times as few spans as possible, earliest first, with no break that is shorter than
    `least_break`; empty ones are left out."""
    joined: list[Span] = []
    for began_at, ended_at in sorted(span for span in spans if span[0] < span[1]):
        behind = joined[-1][1] if joined else None
        if behind is not None and (began_at <= behind or began_at - behind < least_break):
            joined[-1] = (joined[-1][0], max(behind, ended_at))
        else:
            joined.append((began_at, ended_at))
    return joined


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The times of `spans` that are in none of `taken`, earliest first."""
    removed = merged(taken)
    rest: list[Span] = []
    place = 0
    for began_at, ended_at in merged(spans):
        at = began_at
        while place < len(removed) and removed[place][1] <= began_at:
            place += 1
        for position in range(place, len(removed)):
            first, behind = removed[position]
            if first >= ended_at:
                break
            if first > at:
                rest.append((at, first))
            at = max(at, behind)
        if at < ended_at:
            rest.append((at, ended_at))
    return rest


def within(spans: Iterable[Span], first: datetime, behind: datetime) -> list[Span]:
    """What of these times lies between two moments."""
    cut = ((max(began_at, first), min(ended_at, behind)) for began_at, ended_at in spans)
    return [span for span in cut if span[0] < span[1]]


def split_at(
    spans: Iterable[Span], moments: Iterable[datetime], least: timedelta = timedelta(0)
) -> list[Span]:
    """The same times, with a border at each of these moments that lies within one; but none that
    leaves a piece shorter than `least`."""
    borders = sorted(set(moments))
    pieces: list[Span] = []
    for began_at, ended_at in spans:
        at = began_at
        for border in borders[bisect_right(borders, began_at) : bisect_left(borders, ended_at)]:
            if at < border < ended_at and min(border - at, ended_at - border) >= least:
                pieces.append((at, border))
                at = border
        pieces.append((at, ended_at))
    return pieces
