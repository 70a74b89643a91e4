"""The one v1.1 answer that is left: who a token belongs to."""

from __future__ import annotations

from sfm.sandbox.clock import from_ms
from sfm.sandbox.problems import Json
from sfm.sandbox.requested_fields import read_fields
from sfm.sandbox.shapes import PostView, user_metrics
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.world import World

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def account_json(world: World, person: Person) -> Json:
    """A user object as v1.1 gave it."""
    metrics = user_metrics(PostView(world, read_fields({}), world.clock.now_ms()), person)
    counts = {
        "followers_count": metrics["followers_count"],
        "friends_count": metrics["following_count"],
        "listed_count": metrics["listed_count"],
        "favourites_count": metrics["like_count"],
        "statuses_count": metrics["tweet_count"],
    }
    return {**_profile(person), **counts}


def _profile(person: Person) -> Json:
    image = f"https://pbs.twimg.com/profile_images/{person.uid}/face_normal.jpg"
    return {
        "id": person.uid,
        "id_str": str(person.uid),
        "name": person.name,
        "screen_name": person.username,
        "location": person.role.place,
        "description": person.description,
        "url": None,
        "protected": person.state == "protected",
        "created_at": _created_at(person),
        "verified": person.role.verified != "none",
        "lang": None,
        "profile_image_url_https": image,
        "suspended": person.state == "suspended",
    }


def _created_at(person: Person) -> str:
    made = from_ms(person.created_ms)
    return f"{_DAYS[made.weekday()]} {_MONTHS[made.month - 1]} {made:%d %H:%M:%S} +0000 {made:%Y}"
