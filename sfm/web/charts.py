"""Geometry of the charts that templates draw as SVG: bars per day, and small lines.

Drawn by the server, so that they need no script, print well and are there at once. Each chart
stands with a table of the same figures (macros/charts.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

WIDTH, HEIGHT = 760, 204
LEFT, TOP, BOTTOM = 52, 8, 36
LABELS_ACROSS = 6


@dataclass(frozen=True)
class Bar:
    """One day's bar."""

    day: date
    posts: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class ChartLine:
    """A line across the chart, with its figure."""

    y: float
    value: int


@dataclass(frozen=True)
class BarChart:
    """Bars of days side by side, with a few lines to read them by."""

    bars: tuple[Bar, ...]
    lines: tuple[ChartLine, ...]
    labelled: tuple[Bar, ...]
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


class DayPosts(NamedTuple):
    """How many posts on one day."""

    day: date
    posts: int


@dataclass(frozen=True)
class Sparkline:
    """A small line without figures."""

    line: str
    area: str
    total: int
    peak: int
    days: tuple[DayPosts, ...]
    width: int
    height: int


def every_day(counts: dict[date, int], last: date, days: int) -> list[DayPosts]:
    """The counts of so many days up to the last one, zero where nothing is known of a day."""
    first = last - timedelta(days=days - 1)
    span = [first + timedelta(days=n) for n in range(days)]
    return [DayPosts(day, counts.get(day, 0)) for day in span]


def bar_chart(days: Sequence[DayPosts]) -> BarChart:
    """A chart of these days, in their order."""
    top = nice_top(max((posts for _, posts in days), default=0))
    room = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT) / max(len(days), 1)
    bars = []
    for place, (day, posts) in enumerate(days):
        height = max(room * posts / top, 2) if posts else 1
        y = TOP + room - height
        bars.append(Bar(day, posts, round(LEFT + place * step + step * 0.12, 1), round(y, 1),
                        round(step * 0.76, 1), round(height, 1)))  # fmt: skip
    lines = tuple(
        ChartLine(round(TOP + room - room * part / 2, 1), top * part // 2) for part in range(3)
    )
    every = max(1, -(-len(bars) // LABELS_ACROSS))
    labelled = tuple(bars[::-1][::every][::-1])
    return BarChart(tuple(bars), lines, labelled, sum(posts for _, posts in days))


def nice_top(highest: int) -> int:
    """The least of 2, 4, 10, 20, 40, 100, … that is not below the highest figure."""
    top = 2
    while top < highest:
        top = top * 5 // 2 if str(top)[0] == "4" else top * 2
    return top


def sparkline(days: Sequence[DayPosts], width: int = 300, height: int = 48) -> Sparkline:
    """A small line over these days."""
    peak = max((posts for _, posts in days), default=0)
    step = width / max(len(days) - 1, 1)
    places = [
        f"{place * step:.0f},{height - 2 - (height - 6) * posts / max(peak, 1):.0f}"
        for place, (_, posts) in enumerate(days)
    ]
    line = " ".join(places)
    area = f"0,{height} {line} {width},{height}"
    return Sparkline(line, area, sum(posts for _, posts in days), peak, tuple(days), width, height)
