"""Which operators there are, where they may be used, and whether they can stand alone.

Source: docs.x.com, filtered stream and search operators, 2026, and the tables of January 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MILE_KM = 1.609344
MAX_SIDE_KM = 25 * MILE_KM

_NAME = re.compile(r"^(?:[A-Za-z0-9_]{1,15}|[0-9]{1,19})$")
_POST_ID = re.compile(r"^[0-9]{1,19}$")
_COUNTRY = re.compile(r"^[A-Za-z]{2}$")
_RANGE = re.compile(r"^\d+(\.\.\d+)?$")
_CONTEXT = re.compile(r"^(\d+|\*)\.(\d+|\*)$")
_NUMBER = r"-?\d+(?:\.\d+)?"
BOX = re.compile(rf"^\[({_NUMBER}) ({_NUMBER}) ({_NUMBER}) ({_NUMBER})\]$")
RADIUS = re.compile(rf"^\[({_NUMBER}) ({_NUMBER}) (\d+(?:\.\d+)?)(mi|km)\]$")

Check = Callable[[str], str | None]


def _shaped(pattern: re.Pattern[str], what: str) -> Check:
    return lambda value: None if pattern.match(value) else f"'{value}' is not {what}"


def _one_of(*words: str) -> Check:
    def check(value: str) -> str | None:
        return None if value.lower() in words else f"'{value}' is not one of {', '.join(words)}"

    return check


def _anything(value: str) -> str | None:
    return None if value else "a value is missing"


def _percent(value: str) -> str | None:
    fine = value.isdecimal() and 1 <= int(value) <= 100
    return None if fine else f"'{value}' is not a percentage from 1 to 100"


def _box(value: str) -> str | None:
    match = BOX.match(value)
    if not match:
        return f"'{value}' is not [west_long south_lat east_long north_lat]"
    west, south, east, north = map(float, match.groups())
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return f"'{value}' has its corners in the wrong order or off the globe"
    wide, high = box_sides_km(west, south, east, north)
    if max(wide, high) >= MAX_SIDE_KM:
        return "a side of the box must be less than 25 miles"
    return None


def _radius(value: str) -> str | None:
    match = RADIUS.match(value)
    if not match:
        return f"'{value}' is not [longitude latitude radius] with the radius in mi or km"
    longitude, latitude = float(match[1]), float(match[2])
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return f"'{value}' is off the globe"
    if radius_km(match) >= MAX_SIDE_KM:
        return "the radius must be less than 25 miles"
    return None


def box_sides_km(west: float, south: float, east: float, north: float) -> tuple[float, float]:
    """Width (where it is widest) and height of a box."""
    from math import cos, radians

    nearest = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
    return (east - west) * 111.32 * cos(radians(nearest)), (north - south) * 110.57


def radius_km(match: re.Match[str]) -> float:
    """The radius of a matched RADIUS."""
    return float(match[3]) * (MILE_KM if match[4] == "mi" else 1)


@dataclass(frozen=True)
class Operator:
    """One operator of the form `name:value`."""

    alone: bool
    check: Check
    search: bool = True
    stream: bool = True


_SIZE = Operator(False, _shaped(_RANGE, "a number or a range such as 10..50"))
_POST = Operator(False, _shaped(_POST_ID, "the id of a post"))
_PERSON = Operator(True, _shaped(_NAME, "one username or id, without @"))
_WORDS = Operator(True, _anything)
_LIKED = Operator(False, _shaped(re.compile(r"^\d+$"), "a number"), stream=False)

OPERATORS: dict[str, Operator] = {
    "from": _PERSON,
    "to": _PERSON,
    "retweets_of": _PERSON,
    "from_affiliate_of": _PERSON,
    "to_affiliate_of": _PERSON,
    "url": _WORDS,
    "url_contains": _WORDS,
    "url_title": Operator(False, _anything),
    "url_description": Operator(False, _anything),
    "context": Operator(True, _shaped(_CONTEXT, "domain.entity")),
    "entity": _WORDS,
    "conversation_id": Operator(True, _shaped(_POST_ID, "the id of a post")),
    "bio": _WORDS,
    "bio_name": _WORDS,
    "bio_location": _WORDS,
    "place": _WORDS,
    "place_country": Operator(True, _shaped(_COUNTRY, "a country code of two letters")),
    "point_radius": Operator(True, _radius),
    "bounding_box": Operator(True, _box),
    "is": Operator(False, _one_of("retweet", "reply", "quote", "verified", "nullcast")),
    "has": Operator(
        False,
        _one_of(
            "hashtags", "cashtags", "links", "mentions", "media", "images", "videos",
            "video_link", "geo",
        ),
    ),
    "lang": Operator(False, _shaped(re.compile(r"^[A-Za-z-]{2,7}$"), "one language code")),
    "sample": Operator(False, _percent, search=False),
    "min_followers": Operator(False, _shaped(re.compile(r"^\d+$"), "a number")),
    "followers_count": _SIZE,
    "tweets_count": _SIZE,
    "following_count": _SIZE,
    "listed_count": _SIZE,
    "in_reply_to_tweet_id": _POST,
    "retweets_of_tweet_id": _POST,
    "quotes_of_tweet_id": _POST,
    "source": Operator(False, _anything),
    "min_likes": _LIKED,
    "min_replies": _LIKED,
    "min_reposts": _LIKED,
}  # fmt: skip
ALIASES = {
    "retweets_of_user": "retweets_of",
    "in_reply_to_status_id": "in_reply_to_tweet_id",
    "retweets_of_status_id": "retweets_of_tweet_id",
    "quotes_of_status_id": "quotes_of_tweet_id",
    "statuses_count": "tweets_count",
    "friends_count": "following_count",
    "user_bio": "bio",
    "user_bio_name": "bio_name",
    "user_bio_location": "bio_location",
}
