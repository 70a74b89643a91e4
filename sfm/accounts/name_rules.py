"""Account names as people type them. Pure."""

from __future__ import annotations

import re

POSSIBLE_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")  # Source: X OpenAPI, UserName
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.|mobile\.)?(?:twitter|x)\.com/", re.IGNORECASE)
# Marks without width that come along when names are copied out of documents and web pages.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def normalize(text: str) -> str:
    """The name in what was typed: without blanks, a leading @, or the address of a profile."""
    name = _UNSEEN.sub("", text).strip()
    if match := _ADDRESS.match(name):
        name = re.split(r"[/?#]", name[match.end() :], maxsplit=1)[0]
    return name.removeprefix("@").removeprefix("\uff20").strip()


def is_possible(name: str) -> bool:
    """Whether Twitter could have an account of this name: 1 to 15 letters, digits, underscores."""
    return POSSIBLE_NAME.fullmatch(name) is not None
