"""Arithmetic of times, against sets of seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sfm.streams import spans
from sfm.streams.spans import Span

ZERO = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBERS = st.integers(0, 40)
SPANS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8)


def at(second: int) -> datetime:
    return ZERO + timedelta(seconds=second)


def made(pairs: list[tuple[int, int]]) -> list[Span]:
    return [(at(first), at(behind)) for first, behind in pairs]


def seconds(times: list[Span]) -> set[int]:
    return {
        number for first, behind in times for number in range(40) if first <= at(number) < behind
    }


def are_apart(times: list[Span]) -> bool:
    ends = [moment for span in times for moment in span]
    return ends == sorted(ends) and all(first < behind for first, behind in times)


@given(SPANS, SPANS, NUMBERS, NUMBERS)
def test_each_second_is_where_sets_have_it(
    some: list[tuple[int, int]], taken: list[tuple[int, int]], first: int, behind: int
) -> None:
    merged = spans.merged(made(some))
    rest = spans.without(made(some), made(taken))
    cut = spans.within(merged, at(first), at(behind))
    pieces = spans.split_at(merged, [at(first), at(behind)])
    assert seconds(merged) == seconds(made(some))
    assert seconds(rest) == seconds(made(some)) - seconds(made(taken))
    assert seconds(cut) == seconds(merged) & set(range(first, behind))
    assert seconds(pieces) == seconds(merged)
    assert all(map(are_apart, (merged, rest, cut, pieces)))
    assert all(
        not began < at(border) < ended for border in (first, behind) for began, ended in pieces
    )
