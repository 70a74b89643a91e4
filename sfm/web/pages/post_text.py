"""Posts' texts as HTML: what Twitter linked is linked, everything else is text. Hostile input.

Hashtags and mentions lead to a search here; links lead out, to http and https only. Built as plain
strings from escaped pieces: joining Markup costs three times as much on a page of fifty posts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from sfm.twitter.parse.entities import Segment
from sfm.web.template_filters import web_address

OUTSIDE = 'rel="noopener noreferrer nofollow"'
# What no HTML page may hold: control characters but for blanks, and code points without meaning.
_NO_CHARACTERS = "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
_NOT_FOR_HTML = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NO_CHARACTERS}]"
)
# In escaped text: an address, a name or a tag; never the number of an escape such as &#39;.
_PIECES = re.compile(r"https?://t\.co/\w+|(?<![\w&/])[@＠]\w{1,20}\b|(?<![\w&/])[#＃][^\W\d_]\w*")
_LAST_ADDRESS = re.compile(r"\s*https?://t\.co/\w+\s*$")


def shown(text: str | None) -> str:
    """Captured text without what no page may hold."""
    return _NOT_FOR_HTML.sub("\ufffd", text or "").replace("\r", "\n")


def card_text(post: Any) -> Markup:
    """The text of a post on a list, linked by what is stored of it; no JSON is read.

    The address of the post's own pictures or quoted post at its end is left out: these are
    shown themselves.
    """
    links = {url[0]: url for url in post.urls if url}
    text = shown(post.item_text)
    if post.media or post.quoted_id:
        text = _without_own_address(text, links)
    search = url_for("posts.index")

    def piece(match: re.Match[str]) -> str:
        word = match[0]
        if word[0] not in "#@＃＠":
            return _link(links.get(word), word)
        return _search_link(search, word)

    return Markup(_PIECES.sub(piece, str(escape(text))))  # noqa: S704  # nosec B704


def _without_own_address(text: str, links: dict[str, Sequence[str]]) -> str:
    while (match := _LAST_ADDRESS.search(text)) and match[0].strip() not in links:
        text = text[: match.start()]
    return text


def _link(url: Sequence[str] | None, word: str) -> str:
    address = web_address(shown(url[1])) if url else ""
    if not address:
        return f'<a href="{word}" {OUTSIDE}>{word}</a>'
    label = shown(url[2] if url and len(url) > 2 else "") or address
    return f'<a href="{escape(address)}" {OUTSIDE}>{escape(label)}</a>'


def _search_link(search: str, word: str) -> str:
    """A search here for a tag or a name. `word` holds letters, digits and its sign only."""
    query = ("%23" if word[0] in "#＃" else "@") + word[1:]
    return f'<a href="{search}?q={query}">{word}</a>'


def whole_text(segments: Iterable[Segment]) -> Markup:
    """A post's text on its own page, linked as Twitter's offsets say."""
    search = url_for("posts.index")
    return Markup("".join(_segment(segment, search) for segment in segments))  # noqa: S704  # nosec B704


def _segment(segment: Segment, search: str) -> str:
    text = escape(shown(segment.text))
    if segment.kind in ("hashtag", "mention"):
        sign = "#" if segment.kind == "hashtag" else "@"
        address = url_for("posts.index", q=sign + shown(segment.name))
        return f'<a href="{escape(address)}">{text}</a>'
    if segment.kind in ("url", "media"):
        address = web_address(shown(segment.expanded_url)) or web_address(shown(segment.url))
        return f'<a href="{escape(address)}" {OUTSIDE}>{text}</a>' if address else str(text)
    return str(text)
