"""Rules of a stream: what an installation asks a network for, and what the network holds of it.

How words, people and places become the value of a rule is the adapter's. Rules at the network bear
a tag that names the installation, so that several may share an app.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

TAG_PREFIX = "sfm:"
KM_PER_DEGREE = 111.32

Phrase = tuple[str, ...]  # terms that have to be in one post, as the network takes them


@dataclass(frozen=True)
class Box:
    """West, south, east and north edge in degrees. West over east crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        return self.west, self.south, self.east, self.north

    @property
    def size_km(self) -> tuple[float, float]:
        """Width (at the edge nearer the equator) and height."""
        width = (self.east - self.west) % 360 or 360.0
        return (
            width * KM_PER_DEGREE * math.cos(math.radians(self.nearest_equator)),
            (self.north - self.south) * KM_PER_DEGREE,
        )

    @property
    def nearest_equator(self) -> float:
        """The latitude of the box that is nearest the equator, without its sign."""
        return 0.0 if self.south <= 0 <= self.north else min(abs(self.south), abs(self.north))


@dataclass(frozen=True)
class Rule:
    """One rule as the network takes it. Networks tell rules apart by their value alone, so two
    filters that want the same share one."""

    value: str

    def tag(self, mark: str) -> str:
        """The tag under which the installation of this mark keeps the rule at the network."""
        return f"{TAG_PREFIX}{mark}:{self._digest}"

    @property
    def unmarked_tag(self) -> str:
        """The tag as it was before tags named an installation."""
        return TAG_PREFIX + self._digest

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.value.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class StreamRule:
    """A rule that the network holds for the app."""

    id: str
    value: str
    tag: str = ""

    @property
    def mark(self) -> str:
        """The mark of the installation that keeps it; "" for a rule of another program, and for
        one from before tags held marks."""
        prefix, _, rest = self.tag.partition(":")
        mark, colon, _ = rest.partition(":")
        return mark if f"{prefix}:" == TAG_PREFIX and colon else ""


@dataclass(frozen=True)
class RuleRefusal:
    """A rule that the network did not take, and why in its own words."""

    value: str
    reason: str


@dataclass(frozen=True)
class SyncResult:
    """What a rule sync did. `rules` are those now in force, by value: those of others too.

    `missing` are the values that were wanted and not there, `foreign` the rules that others made
    with this app and nobody here wants; they are left alone.
    """

    added: tuple[StreamRule, ...]
    deleted: tuple[StreamRule, ...]
    refused: tuple[RuleRefusal, ...]
    rules: dict[str, StreamRule]
    missing: frozenset[str]
    foreign: tuple[StreamRule, ...]


@dataclass(frozen=True)
class OpenConnection:
    """A stream connection that the network knows of."""

    id: str
    endpoint: str
    connected_at: datetime | None
    client_ip: str
