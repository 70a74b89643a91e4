"""Accounts: who they are, what they were called, and when they post."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from sfm.sandbox.world.cast import (
    CAST,
    GENERATED_FIRST,
    GENERATED_SECOND,
    REFERENCE_MS,
    Role,
    renames,
)
from sfm.sandbox.world.dice import Dice, mix
from sfm.sandbox.world.phrases import TOPICS

STATES = ("active", "protected", "suspended", "deleted")
_HOUR = 3_600_000
_FIRST_SNOWFLAKE_UID_MS = 1_454_284_800_000  # accounts got snowflake ids from early 2016 on
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


@dataclass
class Person:
    """One account. `first_ms` and `period_ms` say when its n-th post is made."""

    index: int
    uid: int
    role: Role
    created_ms: int
    first_ms: int
    period_ms: int
    names: list[tuple[int, str]]
    state: str
    name: str
    description: str
    extras: list[int] = field(default_factory=list)  # ids of posts made by hand, oldest first
    approved: set[int] = field(default_factory=set)  # followers of a protected account

    @property
    def username(self) -> str:
        """The name as of now."""
        return self.names[-1][1]

    def username_at(self, moment_ms: int) -> str:
        """What the account was called at that moment."""
        at = bisect.bisect_right(self.names, moment_ms, key=lambda name: name[0])
        return self.names[max(0, at - 1)][1]


def make_people(seed: int, accounts: int) -> list[Person]:
    """The cast (or as much of it as is wanted), then as many generated accounts as are missing."""
    roles = [*CAST[:accounts], *(generated_role(seed, n) for n in range(accounts - len(CAST)))]
    return [make_person(seed, index, role) for index, role in enumerate(roles)]


def make_person(seed: int, index: int, role: Role) -> Person:
    """One account, the same for the same seed and place in the list."""
    period_ms = int(role.gap_hours * _HOUR)
    first_ms = REFERENCE_MS - role.posts * period_ms
    dice = Dice(seed, 101, index)
    created_ms = first_ms - dice.between(1, 900) * 86_400_000
    earliest = min((REFERENCE_MS - days * 86_400_000 for days, _ in role.former), default=first_ms)
    created_ms = min(created_ms, earliest - 86_400_000)
    return Person(
        index=index,
        uid=_uid(dice, index, created_ms),
        role=role,
        created_ms=created_ms,
        first_ms=first_ms,
        period_ms=period_ms,
        names=renames(role, created_ms),
        state=role.state,
        name=role.name,
        description=role.bio,
    )


def _uid(dice: Dice, index: int, created_ms: int) -> int:
    """Old accounts have short ids, later ones snowflakes; the index keeps any two apart."""
    if created_ms < _FIRST_SNOWFLAKE_UID_MS or index % 3 == 0:
        return (dice.between(20, 2_900) * 1_000_000) + index * 7 + 11
    return ((created_ms - SNOWFLAKE_EPOCH_MS) << 22) | (index * 4 + 1)


def generated_role(seed: int, number: int) -> Role:
    """An account beyond the cast, for worlds of any size."""
    dice = Dice(seed, 102, number)
    first, second = dice.pick(GENERATED_FIRST), dice.pick(GENERATED_SECOND)
    return Role(
        username=f"{first[:6]}{second[:4]}{number:05d}",
        name=f"{first.title()} {second.title()} {number}",
        bio=f"{first} {second}",
        posts=dice.between(20, 1_200),
        gap_hours=float(dice.between(2, 12)),
        topics=(dice.pick(tuple(TOPICS)),),
        habit=dice.pick(("mixed", "mixed", "media", "retweets", "replies", "long")),
        followers=dice.between(3, 9_000),
    )


def scramble(index: int) -> int:
    """21 bits that hide an account's place in the list inside a post's id; see `unscramble`."""
    return (index * 1_234_567 + 77) & 0x1FFFFF


_INVERSE = pow(1_234_567, -1, 1 << 21)


def unscramble(bits: int) -> int:
    """The place in the list out of `scramble`'s bits."""
    return ((bits - 77) * _INVERSE) & 0x1FFFFF


def stirred(seed: int, person: Person, number: int, purpose: int) -> int:
    """64 bits of chance for one purpose of one post."""
    return mix(seed, purpose, person.index, number)
