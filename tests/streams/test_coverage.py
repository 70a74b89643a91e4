"""Spans that a collector proves, and the gaps that its rows leave: without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sfm.streams.completeness import record_of
from sfm.streams.coverage import SavedSpan, SavedSpans
from sfm.streams.coverage_rows import LOSSES, StreamRows
from tests.conftest import FrozenClock

ONE, TWO = "twitterfilter-1", "twitterfilter-2"
ZERO = datetime(2026, 11, 22, 12, tzinfo=UTC)
END = 60
GONE = ("network", "It broke.")
PAIRS = st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted)


def advanced(
    spans: SavedSpans, alive: float, unsaved: Callable[[str], float | None] = lambda prefix: None
) -> dict[str, list[tuple[float, float]]]:
    """From when to when each span of a stream is proved, on the monotonic clock."""
    proved: dict[str, list[tuple[float, float]]] = {}
    for span in spans.advance(alive, unsaved, lambda prefix: 0.0, None):
        proved.setdefault(span.prefix, []).append((span.began, span.saved))
    return proved


def test_a_stream_is_saved_only_while_connected_with_its_rules_and_its_files(
    clock: FrozenClock,
) -> None:
    spans = SavedSpans()
    spans.set_written([ONE])
    spans.set_rules([ONE, TWO])
    assert advanced(spans, 0.0) == {}
    clock.advance(5)
    spans.connected()
    clock.advance(5)
    assert advanced(spans, 10.0) == {ONE: [(5.0, 10.0)]}, "the other's files are not there yet"
    spans.set_written([ONE, TWO])
    clock.advance(5)
    spans.set_rules([TWO], ("rules_removed", "Gone."))
    clock.advance(5)
    assert advanced(spans, 20.0) == {ONE: [(5.0, 15.0)], TWO: [(10.0, 20.0)]}
    spans.disconnected(18.0, GONE)
    assert advanced(spans, 20.0)[TWO] == [(10.0, 20.0)], "what was proved is not taken back"


def test_a_span_stops_before_the_oldest_post_of_its_own_stream_that_is_not_saved(
    clock: FrozenClock,
) -> None:
    spans = SavedSpans()
    spans.set_written([ONE, TWO])
    spans.set_rules([ONE, TWO])
    spans.connected()
    clock.advance(10)
    waiting = {TWO: 4.0}
    assert advanced(spans, 9.0, waiting.get) == {ONE: [(0.0, 9.0)], TWO: [(0.0, 4.0)]}
    spans.disconnected(9.0, GONE)
    clock.advance(10)
    assert advanced(spans, 9.0, waiting.get)[TWO] == [(0.0, 4.0)]
    waiting.clear()
    assert advanced(spans, 9.0, waiting.get)[TWO] == [(0.0, 9.0)]


def test_what_was_not_written_is_kept_until_it_is(clock: FrozenClock) -> None:
    spans = SavedSpans()
    spans.set_written([ONE])
    spans.set_rules([ONE])
    for began in (0.0, 10.0):
        spans.connected()
        clock.advance(5)
        spans.disconnected(began + 5, GONE)
        clock.advance(5)
        spans.written()  # the database was away: no span has a number
    both = {ONE: [(0.0, 5.0), (10.0, 15.0)]}
    assert advanced(spans, 15.0) == both
    for number, span in enumerate(found(spans), start=1):
        span.row_id = number
    spans.written()
    assert advanced(spans, 15.0) == {}


def found(spans: SavedSpans) -> list[SavedSpan]:
    return spans.advance(None, lambda prefix: None, lambda prefix: 0.0, None)


def at(second: int) -> datetime:
    return ZERO + timedelta(seconds=second)


def rows_of(
    due: list[list[int]], saved: list[list[int]], lost: list[list[int]], cause: str
) -> StreamRows:
    def row(number: int, times: list[int], **more: Any) -> SimpleNamespace:
        return SimpleNamespace(
            id=number, prefix=ONE, began_at=at(times[0]), ended_at=at(times[1]), **more
        )

    begun = [0, *sorted({moment for times in due for moment in times} - {0, END})]
    dues = [
        row(place, [first, behind], begin_cause="created", end_cause="stopped", ended_by="ann")
        for place, (first, behind) in enumerate(zip(begun[::2], begun[1::2], strict=False))
    ]
    if len(begun) % 2:
        dues.append(
            row(
                99,
                [begun[-1], begun[-1]],
                begin_cause="created",
                end_cause="stopped",
                ended_by="ann",
            )
        )
        dues[-1].ended_at = None
    savings = [
        row(
            place, times, saved_until=at(times[1]), cause="network", detail="It broke.",
            posts_a_minute=60.0, last_id=place, fingerprint="f",
        )
        for place, times in enumerate(saved)
    ]  # fmt: skip
    notes = [
        row(place, times, cause=cause, detail=cause, lost_estimate=0, lost_counted=1)
        for place, times in enumerate(lost)
    ]
    return StreamRows(due=dues, saved=savings, notes=notes)


@given(
    st.lists(PAIRS, max_size=3), st.lists(PAIRS, max_size=6), st.lists(PAIRS, max_size=3),
    st.sampled_from([*sorted(LOSSES), "network"]),
)  # fmt: skip
def test_each_second_is_proved_to_be_saved_or_in_one_gap(
    due: list[list[int]], saved: list[list[int]], lost: list[list[int]], cause: str
) -> None:
    record = record_of(rows_of(due, saved, lost, cause), at(END))
    proved = {number for first, behind in saved for number in range(first, behind)}
    if cause in LOSSES:
        proved -= {number for first, behind in lost for number in range(first, behind)}
    times = [(gap.began_at, gap.ended_at or at(END)) for gap in record.gaps]
    seconds = [n for began, ended in times for n in range(END) if began <= at(n) < ended]
    assert sorted(seconds) == sorted(set(range(END)) - proved)
    assert {n for began, ended in record.saved for n in range(END) if began <= at(n) < ended} == (
        proved
    )
    assert all(gap.cause and gap.detail for gap in record.gaps)
    assert all(gap.who == ("" if gap.is_due else "ann") for gap in record.gaps)
    assert times == sorted(times)


def test_a_loss_is_whole_before_the_process_that_goes_on_has_written_again() -> None:
    """Its last heartbeat ended the loss, and proved nothing behind it yet."""
    rows = rows_of([], [[0, 30]], [[25, 40]], "rules_removed")
    rows.saved[-1].ended_at = None
    (gap,) = record_of(rows, at(45)).gaps
    assert (gap.began_at, gap.ended_at, gap.cause) == (at(25), at(40), "rules_removed")
