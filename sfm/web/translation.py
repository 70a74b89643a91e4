"""Sentences of the floors below, in the reader's language.

Errors, runs and the status of streams speak English: they are written into the database, into logs
and onto terminals as well. Pages translate them where they are shown. `scripts/strings.py` finds
these sentences in the code and puts them into the catalogue under a context of their own, with a
named place for each value; here a shown sentence is held against them, and its values are put
into the translation. What no catalogue knows is shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from flask import Flask, current_app
from flask_babel import LazyString, get_locale

CONTEXT = "sentence"
CONTEXTS = {CONTEXT, CONTEXT.encode()}  # Babel 2.18 reads the contexts of .mo files as bytes
SHORTEST = 5  # letters that a sentence with values must have of its own to be recognised
DEEPEST = 3  # values may be sentences themselves
_PLACE = re.compile(r"%\((\w+)\)s|%%")
_BETWEEN = re.compile(r"(?<=[.?!…]) (?=\S)")


@dataclass(frozen=True)
class Pattern:
    """A sentence with values: how it reads in English, and its translation."""

    reads: re.Pattern[str]
    translation: str
    letters: int


@dataclass(frozen=True)
class Known:
    """All sentences of a language: those without values, and those with, longest first."""

    plain: dict[str, str]
    patterns: tuple[Pattern, ...]


def bind(app: Flask) -> None:
    """Give templates the filter `told`."""
    app.jinja_env.filters["told"] = told


def told(text: object) -> str:
    """A sentence of the floors below in the reader's language; any other text as it is."""
    shown = "" if text is None else str(text)
    locale = get_locale()
    if not shown or locale is None or locale.language == "en":
        return shown
    known = _known(_folders(current_app), str(locale))
    return _translated(known, shown, DEEPEST) if known.plain or known.patterns else shown


def lazily_told(text: str) -> LazyString:
    """The same, looked up when it is shown; for what is made before there is a reader."""
    return LazyString(told, text)


def languages(app: Flask) -> list[str]:
    """The languages that pages can be shown in, English first."""
    found = {
        path.parent.parent.name
        for folder in _folders(app)
        for path in folder.glob("*/LC_MESSAGES/messages.mo")
    }
    return ["en", *sorted(found - {"en"})]


def _translated(known: Known, text: str, depth: int) -> str:
    whole = _whole(known, text, depth)
    if whole is not None:
        return whole
    parts = _BETWEEN.split(text)
    if len(parts) == 1 or depth == 0:
        return text
    return " ".join(_whole(known, part, depth) or part for part in parts)


def _whole(known: Known, text: str, depth: int) -> str | None:
    if text in known.plain:
        return known.plain[text]
    for pattern in known.patterns:
        found = pattern.reads.fullmatch(text)
        if found is None:
            continue
        values = found.groupdict()
        if depth:
            values = {name: _translated(known, one, depth - 1) for name, one in values.items()}
        try:
            return pattern.translation % values
        except (KeyError, ValueError, TypeError):  # a slip of a translator must not cost the page
            continue
    return None


def _folders(app: Flask) -> tuple[Path, ...]:
    folders = str(app.config["BABEL_TRANSLATION_DIRECTORIES"]).split(";")
    return tuple(Path(app.root_path) / folder for folder in folders)


@lru_cache(maxsize=32)
def _known(folders: tuple[Path, ...], locale: str) -> Known:
    """What the compiled catalogues of a language hold; read once in the life of a process."""
    plain: dict[str, str] = {}
    patterns: list[Pattern] = []
    for folder in folders:
        path = folder / locale / "LC_MESSAGES" / "messages.mo"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            for message in read_mo(file):
                if message.context in CONTEXTS and message.string:
                    _add(str(message.id), str(message.string), plain, patterns)
    return Known(plain, tuple(sorted(patterns, key=lambda one: -one.letters)))


def _add(english: str, translation: str, plain: dict[str, str], patterns: list[Pattern]) -> None:
    if "%(" not in english:
        plain[english] = translation
        return
    letters = sum(map(str.isalpha, _PLACE.sub("", english)))
    if letters < SHORTEST:
        return
    parts, at = [], 0
    for place in _PLACE.finditer(english):
        parts.append(re.escape(english[at : place.start()]))
        parts.append(f"(?P<{place[1]}>.*?)" if place[1] else "%")
        at = place.end()
    parts.append(re.escape(english[at:]))
    patterns.append(Pattern(re.compile("".join(parts), re.DOTALL), translation, letters))
