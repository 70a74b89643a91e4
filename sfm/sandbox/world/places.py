"""The places that posts are tagged with: real towns' names and rough boxes, nothing more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorldPlace:
    """A place as X has them. `box` is west, south, east, north in degrees."""

    id: str
    name: str
    full_name: str
    kind: str
    country: str
    country_code: str
    box: tuple[float, float, float, float]
    within: tuple[str, ...] = ()


PLACES: dict[str, WorldPlace] = {
    place.id: place
    for place in (
        WorldPlace(
            "5635c19c2b5078d1",
            "Virginia",
            "Virginia, USA",
            "admin",
            "United States",
            "US",
            (-83.67529, 36.540739, -75.16644, 39.466012),
        ),
        WorldPlace(
            "01fbe706f872cb32",
            "Washington",
            "Washington, DC",
            "city",
            "United States",
            "US",
            (-77.119401, 38.801826, -76.909396, 38.9953797),
        ),
        WorldPlace(
            "18cd49e38ef04463",
            "Alexandria",
            "Alexandria, VA",
            "city",
            "United States",
            "US",
            (-77.144435, 38.785121, -77.037254, 38.845026),
            ("5635c19c2b5078d1",),
        ),
        WorldPlace(
            "0a3de44d38a1c001",
            "Takoradi",
            "Takoradi, Ghana",
            "city",
            "Ghana",
            "GH",
            (-1.793, 4.872, -1.721, 4.948),
        ),
        WorldPlace(
            "3df0e3eb1e91170b",
            "Columbus",
            "Columbus, OH",
            "city",
            "United States",
            "US",
            (-83.200169, 39.832013, -82.771375, 40.1573082),
        ),
        WorldPlace(
            "0c91c4a0ff0c2000",
            "Haifa",
            "Haifa, Israel",
            "city",
            "Israel",
            "IL",
            (34.945, 32.765, 35.074, 32.842),
        ),
        WorldPlace(
            "53504716d445dcad",
            "Sydney",
            "Sydney, New South Wales",
            "city",
            "Australia",
            "AU",
            (150.520928, -34.118347, 151.343021, -33.578141),
        ),
        WorldPlace(
            "07d9f1e2c0c81000",
            "Harbor Reading Room",
            "Harbor Reading Room",
            "poi",
            "United States",
            "US",
            (-77.0405, 38.8045, -77.0405, 38.8045),
            ("18cd49e38ef04463",),
        ),
        WorldPlace(
            "96683cc9126741d1",
            "United States",
            "United States",
            "country",
            "United States",
            "US",
            (-179.231086, 13.182335, 179.859685, 71.434357),
        ),
    )
}

PLACE_IDS = tuple(PLACES)
