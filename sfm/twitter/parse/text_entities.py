"""Mentions, hashtags and links read from a text, for payloads that hold no entities at all.

Tweets of 2006 to 2010 have none, nor have v2 posts of clients that asked for no fields. The rules
are those of X's own twitter-text, but for links without `http`: they need its list of domains.
Source: github.com/twitter/twitter-text, regexp of mentions, hashtags and URLs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

TextEntityKind = Literal["hashtag", "mention", "url"]


class TextEntity(NamedTuple):
    """Where it stands in the text (code points, end exclusive), and its name without a sign."""

    kind: TextEntityKind
    start: int
    end: int
    name: str


_MENTION = re.compile(
    r"(?:(?<![A-Za-z0-9_!#$%&*@＠])|(?<![A-Za-z0-9_+~.\-])[Rr][Tt])"
    r"[@＠]([A-Za-z0-9_]{1,20})(?![A-Za-z0-9_@＠\u00c0-\u00ff]|://)"
)
_HOST = r"(?:[\w\-]+\.)+[A-Za-z]{2,}(?::\d+)?"
_PATH = "[!#-;=?-~\u00c0-\u024f\u0400-\u04ff]*"  # what a path holds: no blanks, quotes, CJK
_URL = re.compile(
    rf"(?<![A-Za-z0-9@＠$#＃])(?:https?://t\.co/[A-Za-z0-9]+|https?://{_HOST}(?:[/?#]{_PATH})?)",
    re.IGNORECASE,
)
_NOT_AT_THE_END = ".,;:!?'*~"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_LAST_MARK = 0xFFFF
_ALSO_IN_TAGS = (
    "\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb"
    "\u3003\u0f0b\u0f0c\u00b7"
)


def read_entities(text: str) -> list[TextEntity]:
    """What stands in this text, in its order. What the end of a cut text cuts off is left out."""
    entities = list(_links(text)) if "://" in text else []
    links = [(entity.start, entity.end) for entity in entities]
    if "@" in text or "＠" in text:
        entities += _outside(links, _mentions(text))
    if "#" in text or "＃" in text:
        entities += _outside(links, _hashtags(text))
    return sorted(
        (entity for entity in entities if not text.startswith("…", entity.end)),
        key=lambda entity: entity.start,
    )


def _links(text: str) -> Iterator[TextEntity]:
    for match in _URL.finditer(text):
        url = _without_punctuation(match[0])
        yield TextEntity("url", match.start(), match.start() + len(url), url)


def _without_punctuation(url: str) -> str:
    """The address without what ends the sentence around it."""
    while True:
        last = url[-1]
        opening = _BRACKETS.get(last)
        if last in _NOT_AT_THE_END or (opening and url.count(opening) < url.count(last)):
            url = url[:-1]
        else:
            return url


def _mentions(text: str) -> Iterator[TextEntity]:
    for match in _MENTION.finditer(text):
        yield TextEntity("mention", match.start(1) - 1, match.end(1), match[1])


def _hashtags(text: str) -> Iterator[TextEntity]:
    for match in _hashtag_pattern().finditer(text):
        if any(character.isalpha() for character in match[1]):
            yield TextEntity("hashtag", match.start(), match.end(1), match[1])


@cache
def _hashtag_pattern() -> re.Pattern[str]:
    """Letters, figures and marks of every script: Hindi and Thai write vowels with marks."""
    marks = "".join(
        chr(code) for code in range(_LAST_MARK) if unicodedata.category(chr(code))[0] == "M"
    )
    within = rf"\w{_ALSO_IN_TAGS}{marks}"
    return re.compile(rf"(?<![&{within}])[#＃](?![\ufe0f\u20e3])([{within}]+)(?![#＃]|://)")


def _outside(links: list[tuple[int, int]], entities: Iterator[TextEntity]) -> Iterator[TextEntity]:
    """Those that are no part of a link."""
    return (
        entity
        for entity in entities
        if not any(start <= entity.start < end for start, end in links)
    )
