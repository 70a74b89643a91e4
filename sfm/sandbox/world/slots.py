"""The timetable: the n-th post of an account, when it was made, and what sort it is.

Nothing is stored. The moment and the account's place stand in the post's id, so that a post is
found from its id alone and a world of thousands of accounts costs nothing until somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sfm.sandbox.world.dice import Dice
from sfm.sandbox.world.people import Person, scramble, stirred
from sfm.sandbox.world.posts import make_id

_MINUTE = 60_000
_KINDS: dict[str, tuple[tuple[str, int], ...]] = {
    "mixed": (("retweeted", 16), ("quoted", 8), ("replied_to", 14)),
    "retweets": (("retweeted", 90), ("quoted", 3), ("replied_to", 2)),
    "quotes": (("retweeted", 5), ("quoted", 80), ("replied_to", 5)),
    "replies": (("retweeted", 5), ("quoted", 5), ("replied_to", 70)),
    "media": (("retweeted", 6), ("quoted", 4), ("replied_to", 4)),
    "long": (("retweeted", 8), ("quoted", 10), ("replied_to", 12)),
    "polls": (("retweeted", 2), ("quoted", 0), ("replied_to", 5)),
    "places": (("retweeted", 5), ("quoted", 3), ("replied_to", 5)),
    "emoji": (("retweeted", 5), ("quoted", 5), ("replied_to", 10)),
}


@dataclass(frozen=True)
class Slot:
    """The n-th post of an account: its versions' moments, its kind, and what it refers to."""

    person: Person
    number: int
    moments: tuple[int, ...]
    kind: str
    target: Slot | None
    removed: bool

    __hash__ = object.__hash__

    def id_at(self, moment_ms: int) -> int:
        """The id of the newest version made by then (of the first, if none was yet)."""
        made = [moment for moment in self.moments if moment <= moment_ms]
        return make_id(made[-1] if made else self.moments[0], scramble(self.person.index))

    def ids_until(self, moment_ms: int) -> tuple[int, ...]:
        """The ids of all versions made by then, oldest first."""
        low = scramble(self.person.index)
        return tuple(make_id(moment, low) for moment in self.moments if moment <= moment_ms)


class Timetable:
    """Every scheduled post of every account."""

    def __init__(self, seed: int, people: list[Person]) -> None:
        self._seed = seed
        self._people = people
        self.slot = lru_cache(maxsize=100_000)(self._slot)
        self._sources = [p for p in people if p.state == "active" and p.role.habit != "silent"]

    def moments(self, person: Person, number: int) -> tuple[int, ...]:
        """When the versions of a post are made; nearly always one."""
        chance = stirred(self._seed, person, number, 11)
        first = person.first_ms + number * person.period_ms
        first += (chance >> 8) % (person.period_ms * 2 // 5)
        if chance % 1000 >= 15 or self._kind(person, number) == "retweeted":
            return (first,)
        second = first + 2 * _MINUTE + (chance >> 32) % (8 * _MINUTE)
        return (first, second) if chance % 3 else (first, second, second + 5 * _MINUTE)

    def count_until(self, person: Person, moment_ms: int) -> int:
        """How many posts the account has begun by then, removed ones included."""
        if person.role.habit == "silent" or moment_ms < person.first_ms:
            return 0
        last = (moment_ms - person.first_ms) // person.period_ms
        return last + 1 if self.moments(person, last)[0] <= moment_ms else last

    def newest_ids(self, person: Person, moment_ms: int, below: int) -> Iterator[int]:
        """Ids of the newest version of each post, newest first, from the below-th one down."""
        low = scramble(person.index)
        for number in range(below - 1, -1, -1):
            moments = self.moments(person, number)
            made = [moment for moment in moments if moment <= moment_ms]
            yield make_id(made[-1], low)

    def ids_between(self, person: Person, from_ms: int, until_ms: int) -> list[int]:
        """Ids of all versions made in a span (until excluded), oldest first."""
        first = max(0, self.count_until(person, from_ms) - 1)  # its edits may fall into the span
        low = scramble(person.index)
        return [
            make_id(moment, low)
            for number in range(first, self.count_until(person, until_ms - 1))
            for moment in self.moments(person, number)
            if from_ms <= moment < until_ms
        ]

    def is_removed(self, person: Person, number: int) -> bool:
        """Whether its author has deleted it since; a few in a thousand."""
        return stirred(self._seed, person, number, 12) % 1000 < 7

    def at(self, person: Person, moment_ms: int) -> int | None:
        """The number of the post of which some version was made exactly then."""
        number = (moment_ms - person.first_ms) // person.period_ms
        if number < 0 or person.role.habit == "silent":
            return None
        return number if moment_ms in self.moments(person, number) else None

    def _slot(self, person_index: int, number: int) -> Slot:
        person = self._people[person_index]
        moments = self.moments(person, number)
        dice = Dice(self._seed, 13, person.index, number)
        kind, target = self._kind(person, number), None
        if kind != "original":
            target = self._target(person, number, kind, dice, moments[0])
            kind = kind if target else "original"
        removed = self.is_removed(person, number)
        return Slot(person, number, moments, kind, target, removed)

    def _kind(self, person: Person, number: int) -> str:
        roll = stirred(self._seed, person, number, 14) % 100
        for kind, share in _KINDS[person.role.habit]:
            if roll < share:
                return kind
            roll -= share
        return "original"

    def _target(
        self, person: Person, number: int, kind: str, dice: Dice, moment_ms: int
    ) -> Slot | None:
        if kind == "replied_to" and number > 0 and dice.chance(25):
            slot: Slot | None = self.slot(person.index, number - 1)
        else:
            everyone = kind != "retweeted" and dice.chance(12)
            other = dice.pick(self._people if everyone else self._sources)
            count = self.count_until(other, moment_ms - 60 * _MINUTE)
            if other is person or not count:
                return None
            slot = self.slot(other.index, count - 1 - dice.below(min(count, 40)))
        while slot and slot.kind == "retweeted":
            slot = slot.target
        return slot if slot and slot.moments[0] < moment_ms else None


def root_of(slot: Slot) -> Slot:
    """The post that began the conversation."""
    while slot.kind == "replied_to" and slot.target:
        slot = slot.target
    return slot
