"""Geometry of charts."""

from __future__ import annotations

from datetime import date

import pytest

from sfm.web.charts import bar_chart, every_day, nice_top, sparkline

LAST = date(2026, 3, 2)


def test_days_without_posts_are_shown_as_none() -> None:
    days = every_day({date(2026, 2, 28): 5}, LAST, 4)
    assert [(str(day), items) for day, items in days] == [
        ("2026-02-27", 0), ("2026-02-28", 5), ("2026-03-01", 0), ("2026-03-02", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (41, 100), (101, 200), (999, 1000)],
)
def test_the_axis_ends_at_a_round_figure(highest: int, top: int) -> None:
    assert nice_top(highest) == top


@pytest.mark.parametrize("counts", [{}, {LAST: 1}, {LAST: 10**9, date(2026, 3, 1): 1}])
def test_every_bar_stays_inside_the_picture(counts: dict[date, int]) -> None:
    chart = bar_chart(every_day(counts, LAST, 31))
    assert len(chart.bars) == 31
    for bar in chart.bars:
        assert chart.left <= bar.x <= bar.x + bar.width <= chart.width
        assert 0 <= bar.y <= bar.y + bar.height <= chart.height
        assert bar.height > 0
    assert chart.total == sum(counts.values())
    assert [line.value for line in chart.lines][0] == 0


def test_a_day_with_one_post_is_seen_beside_a_thousand() -> None:
    chart = bar_chart(every_day({LAST: 1000, date(2026, 3, 1): 1}, LAST, 2))
    assert chart.bars[0].height >= 2
    assert chart.bars[1].height > 50


def test_the_small_line_stays_inside_too() -> None:
    spark = sparkline(every_day({LAST: 7}, LAST, 90))
    heights = [float(place.split(",")[1]) for place in spark.line.split()]
    assert len(heights) == 90
    assert 0 < min(heights) <= max(heights) < 48
    assert (spark.total, spark.peak) == (7, 7)
