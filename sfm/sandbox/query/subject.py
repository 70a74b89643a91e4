"""A post as the matcher sees it: its words, tags, links, people and place, worked out once."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from html import unescape

from sfm.sandbox.world.draft import DraftText
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.places import PLACES, WorldPlace
from sfm.sandbox.world.posts import WorldPost
from sfm.sandbox.world.world import World

_TOKEN = re.compile(r"\w+")


def folded(text: str, *, strict: bool) -> str:
    """Lower case; with strict False also without accents, which is how search compares."""
    text = unicodedata.normalize("NFC", text).casefold()
    if strict:
        return text
    apart = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def tokens(text: str) -> list[str]:
    """Words between punctuation, symbols and blanks."""
    return _TOKEN.findall(text)


class MatchSubject:
    """One post under the eyes of a query. `stream`: rules see quoted posts too, and accents."""

    def __init__(self, world: World, post: WorldPost, *, stream: bool) -> None:
        self.world = world
        self.post = post
        self.stream = stream

    @cached_property
    def author(self) -> Person | None:
        return self.world.person(self.post.author)

    @cached_property
    def writings(self) -> list[DraftText]:
        """The texts that count: a retweet's original whole, and for rules the quoted post."""
        kinds = dict(self.post.references)
        own = [self.post.full]
        for kind in ("retweeted", "quoted") if self.stream else ("retweeted",):
            target = self.world.post(kinds[kind]) if kind in kinds else None
            if target:
                own.append(target.full)
        return own

    @cached_property
    def text(self) -> str:
        """All words in one string, links left out, each text between line breaks."""
        return "\n".join(self._bare(written) for written in self.writings)

    def _bare(self, written: DraftText) -> str:
        text = written.text
        for link in reversed(written.entities.get("urls", [])):
            text = text[: link["start"]] + " " + text[link["end"] :]
        return folded(unescape(text), strict=self.stream)

    @cached_property
    def tokens(self) -> list[str]:
        return tokens(self.text)

    @cached_property
    def token_set(self) -> frozenset[str]:
        return frozenset(self.tokens)

    def marks(self, kind: str, name: str) -> set[str]:
        """The tags or names of one kind of entity, folded."""
        return {
            folded(mark[name], strict=True)
            for written in self.writings
            for mark in written.entities.get(kind, [])
        }

    @cached_property
    def links(self) -> list[str]:
        """Where its links lead, in lower case."""
        return [
            mark[name].casefold()
            for written in self.writings
            for mark in written.entities.get("urls", [])
            for name in ("expanded_url", "unwound_url", "display_url")
            if name in mark
        ]

    @cached_property
    def place(self) -> WorldPlace | None:
        return PLACES.get(self.post.place or "")

    def refers_to(self, kind: str) -> int | None:
        """The id of the post that this one retweets, quotes or answers."""
        return dict(self.post.references).get(kind)
