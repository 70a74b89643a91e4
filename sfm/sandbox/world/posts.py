"""What a post is inside the sandbox, before any dialect or field list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sfm.sandbox.world.draft import DraftText
from sfm.sandbox.world.people import SNOWFLAKE_EPOCH_MS

LOW_BITS = 22
LOW_MASK = (1 << LOW_BITS) - 1


def make_id(moment_ms: int, low: int) -> int:
    """A snowflake id: milliseconds in front, 22 bits of our own behind."""
    return ((moment_ms - SNOWFLAKE_EPOCH_MS) << LOW_BITS) | low


def id_ms(post_id: int) -> int:
    """When a post with this id was made, in milliseconds since 1970."""
    return (post_id >> LOW_BITS) + SNOWFLAKE_EPOCH_MS


@dataclass(frozen=True)
class WorldMedia:
    """A photo, video or moving picture of one post."""

    key: str
    kind: str
    code: str
    width: int
    height: int
    alt_text: str = ""
    duration_ms: int = 0


@dataclass(frozen=True)
class WorldPoll:
    """A poll; votes grow until it ends."""

    id: int
    choices: tuple[str, ...]
    minutes: int
    end_ms: int


@dataclass(frozen=True)
class Article:
    """A whole article that a post carries, with its cover and a picture within it."""

    title: str
    preview: str
    text: str
    cover: WorldMedia
    media: tuple[WorldMedia, ...] = ()


@dataclass(frozen=True)
class WorldPost:
    """One version of one post. `chain` holds the ids of all versions, oldest first."""

    id: int
    author: int
    created_ms: int
    written: DraftText
    lang: str
    chain: tuple[int, ...]
    conversation: int
    references: tuple[tuple[str, int], ...] = ()
    reply_to_user: int | None = None
    note: DraftText | None = None
    media: tuple[WorldMedia, ...] = ()
    poll: WorldPoll | None = None
    article: Article | None = None
    place: str | None = None
    point: tuple[float, float] | None = None
    sensitive: bool = False
    withheld: tuple[str, ...] = ()
    appeal: int = 0
    source: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """retweeted, quoted, replied_to or original."""
        return self.references[0][0] if self.references else "original"

    @property
    def full(self) -> DraftText:
        """The whole text, also of a long post."""
        return self.note or self.written
