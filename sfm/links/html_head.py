"""Title and canonical address from the first 64 KiB of a page. Pure; takes hostile input."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from html.parser import HTMLParser

MAX_BODY_BYTES = 64 * 1024
_MAX_TITLE_CHARS = 500


@dataclass(frozen=True)
class PageHead:
    """Title and canonical address that a page gives; empty where it gives none."""

    title: str = ""
    canonical_url: str = ""


def decompress(body: bytes, encoding: str) -> bytes:
    """At most 64 KiB of the body, unpacked; nothing for encodings in a chain or unknown ones."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body[:MAX_BODY_BYTES]
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return b""
    try:
        return zlib.decompressobj(47 if "gzip" in encoding else 15).decompress(body, MAX_BODY_BYTES)
    except zlib.error:
        return b""


def read_page(body: bytes, charset: str) -> PageHead:
    """The facts in the beginning of an HTML page."""
    try:
        text = body.decode(charset or "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    parser = _Head()
    try:
        parser.feed(text)
    except (AssertionError, ValueError, RecursionError):
        pass  # what was read up to here is good
    return PageHead(" ".join("".join(parser.words).split())[:_MAX_TITLE_CHARS], parser.canonical)


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.canonical = ""
        self._in_title = False
        self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title" and not self._done
        attributes = dict(attrs)
        if tag == "link" and "canonical" in (attributes.get("rel") or "").lower().split():
            self.canonical = (
                self.canonical or _without_nul(attributes.get("href") or "").strip()[:2048]
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.words.append(_without_nul(data))


def _without_nul(text: str) -> str:
    """The text without NUL characters, which PostgreSQL does not store."""
    return text.replace("\x00", "\ufffd")
