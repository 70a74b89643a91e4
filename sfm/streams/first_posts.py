"""The first posts of a stream file, for a look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sfm.networks.record import Tweet, Unreadable
from sfm.streams.files import FIRST_POSTS, first_lines
from sfm.twitter.parse.tweet import parse_line


@dataclass(frozen=True)
class FirstPost:
    """One line: the tweet, or the text as it is where none can be read."""

    tweet: Tweet | None
    text: str


def first_posts(path: Path, count: int = FIRST_POSTS) -> tuple[FirstPost, ...]:
    """The first lines of a sealed file, read as tweets where they are."""
    return tuple(_post(line) for line in first_lines(path, count))


def _post(line: bytes) -> FirstPost:
    try:
        return FirstPost(parse_line(line), "")
    except Unreadable:
        return FirstPost(None, line[:2000].decode("utf-8", "replace"))
