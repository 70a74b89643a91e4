"""The links of one post: what Twitter lists, else what stands in the text. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_IN_TEXT = re.compile(r"https?://[^\s<>\"“”„«»]+", re.IGNORECASE)
_TRAILING = ".,;:!?'’…)]}"
_MAX_URL_CHARS = 4096

# Services whose addresses only pass on to others; asked first, for their links die first.
SHORTENERS = frozenset(
    """t.co bit.ly buff.ly dlvr.it fb.me flic.kr goo.gl ift.tt is.gd j.mp lnkd.in ow.ly rb.gy
    shorturl.at t.ly tiny.cc tinyurl.com trib.al tumblr.co v.gd wp.me youtu.be""".split()
)


@dataclass(frozen=True)
class FoundLink:
    """One link of a post. `start_url` is where following begins: Twitter's own expansion where it
    gives one (`expanded_url`), since t.co links are another for each post and die with it."""

    start_url: str
    expanded_url: str = ""

    @property
    def url_hash(self) -> str:
        return hash_of(self.start_url)

    @property
    def is_short(self) -> bool:
        return host_of(self.start_url) in SHORTENERS


def links_of(
    urls: Iterable[Sequence[str]], media: Iterable[Mapping[str, Any]], text: str
) -> tuple[FoundLink, ...]:
    """The links of a post in their order, each once.

    `urls` are (url, expanded, …) as stored with the post, `media` its pictures and films.
    """
    links = [_listed(entry) for entry in urls if entry]
    links += [_page(item) for item in media if item.get("page_url")]
    if not links:
        links = [FoundLink(link) for link in links_in(text)]
    unique = {link.start_url: link for link in reversed(links) if link.start_url}
    return tuple(reversed(unique.values()))


def links_in(text: str) -> tuple[str, ...]:
    """The web addresses that stand in a text, without the signs that end a sentence."""
    return tuple(dict.fromkeys(_trimmed(match[0]) for match in _IN_TEXT.finditer(text)))


def hash_of(url: str) -> str:
    """The key of a link: SHA-256 of its start address."""
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()


def host_of(url: str) -> str:
    """The host of an address without www., for listings; empty where there is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.")[:255]


def _listed(entry: Sequence[str]) -> FoundLink:
    url = entry[0]
    expanded = entry[1] if len(entry) > 1 else ""
    return FoundLink((expanded or url)[:_MAX_URL_CHARS], expanded[:_MAX_URL_CHARS])


def _page(item: Mapping[str, Any]) -> FoundLink:
    page = str(item["page_url"])[:_MAX_URL_CHARS]
    return FoundLink(page, page)


def _trimmed(url: str) -> str:
    """Closing brackets stay where one was opened inside."""
    while url and url[-1] in _TRAILING:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url[:_MAX_URL_CHARS]
