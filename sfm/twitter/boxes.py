"""Boxes on the map, as people type them and as X takes them: under 25 miles a side. Pure.

Source: X, "Operators" (bounding_box): width and height under 25 miles; a tweet matches where its
point or the whole of its place lies inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.rules import Box

SIDE_DEGREES = 0.35  # of latitude: 38.9 km of the 40.2 allowed
MAX_TILES = 120  # some 7 rules of the 1,000 an app has


def parse_locations(text: str) -> tuple[Box, ...]:
    """Boxes from numbers with commas between: west, south, east, north. Raises WrongInput."""
    parts = [part.strip() for part in " ".join(text.split()).split(",")]
    if parts == [""]:
        return ()
    numbers = [_number(part) for part in parts if part or len(parts) > 1]
    if len(numbers) % 4:
        raise WrongInput(
            Message(
                "Places come in groups of four numbers (west, south, east, north); there are "
                "%(count)s.",
                count=len(numbers),
            )
        )
    groups = zip(*[iter(numbers)] * 4, strict=True)
    return tuple(dict.fromkeys(_box(*group) for group in groups))


def tiles(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """The boxes cut small enough for X. Raises WrongInput where that makes too many."""
    small_boxes: list[Box] = []
    for box in boxes:
        for half in _halves(box):
            needed = sum(_columns(band) for band in _bands(half))
            if len(small_boxes) + needed > MAX_TILES:
                raise WrongInput(_too_large(box))
            small_boxes += _cut(half)
    return tuple(dict.fromkeys(small_boxes))


def _too_large(box: Box) -> str:
    width, height = box.size_km
    return Message(
        "The box %(names)s is %(width)s by %(height)s km. Twitter takes boxes of at most 40 by 40 "
        "km, and this would need too many of them (over %(limit)s). Draw smaller boxes around the "
        "towns that matter, or collect by words or people; whole countries can be asked for with "
        "the exact rule place_country:XX.",
        names=", ".join(f"{number:g}" for number in box.numbers),
        width=f"{width:,.0f}",
        height=f"{height:,.0f}",
        limit=MAX_TILES,
    )


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise WrongInput(
            Message("“%(text)s” is no number. Places look like -77.1,38.8,-76.9,39.0", text=text)
        ) from None
    if not -180 <= number <= 180:
        raise WrongInput(Message("%(text)s: degrees go from -180 to 180.", text=text))
    return number


def _box(west: float, south: float, east: float, north: float) -> Box:
    if abs(south) > 90 or abs(north) > 90:
        raise WrongInput(
            Message(
                "%(west)s, %(south)s, %(east)s, %(north)s: the second and fourth number are "
                "latitudes, from -90 to 90. The order is west, south, east, north.",
                west=f"{west:g}",
                south=f"{south:g}",
                east=f"{east:g}",
                north=f"{north:g}",
            )
        )
    if south >= north or west == east:
        raise WrongInput(
            Message(
                "%(west)s, %(south)s, %(east)s, %(north)s is no box: the order is west, south, "
                "east, north, so the fourth number is larger than the second.",
                west=f"{west:g}",
                south=f"{south:g}",
                east=f"{east:g}",
                north=f"{north:g}",
            )
        )
    return Box(west, south, east, north)


def _halves(box: Box) -> Iterator[Box]:
    """The box itself, or its two parts on either side of the date line."""
    if box.west < box.east:
        yield box
        return
    if box.west < 180:
        yield Box(box.west, box.south, 180.0, box.north)
    if box.east > -180:
        yield Box(-180.0, box.south, box.east, box.north)


def _bands(box: Box) -> Iterator[Box]:
    count = max(math.ceil((box.north - box.south) / SIDE_DEGREES - 1e-9), 1)
    for number in range(count):
        south, north = _step(box.south, box.north, count, number)
        yield Box(box.west, south, box.east, north)


def _columns(band: Box) -> int:
    """How many boxes side by side: a degree of longitude is widest nearest the equator."""
    shrink = max(math.cos(math.radians(band.nearest_equator)), 1e-6)
    return max(math.ceil((band.east - band.west) * shrink / SIDE_DEGREES - 1e-9), 1)


def _cut(box: Box) -> Iterator[Box]:
    for band in _bands(box):
        count = _columns(band)
        for number in range(count):
            west, east = _step(band.west, band.east, count, number)
            yield Box(west, band.south, east, band.north)


def _step(low: float, high: float, count: int, number: int) -> tuple[float, float]:
    size = (high - low) / count
    return round(low + size * number, 5), round(low + size * (number + 1), 5)
