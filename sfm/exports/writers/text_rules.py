"""What must be changed in texts so that files stay whole and harmless, and the count of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sfm.messages import Message

REPLACEMENT = "\ufffd"
FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"  # plain, and full-width as Excel folds them

_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_DANGEROUS = re.compile(rf"'*(?:[\t\r\n]|\s*[{FORMULA_STARTS}])")

# Characters with which a text may begin that one of the rules above is about.
WATCHED_STARTS = frozenset(FORMULA_STARTS + "' ")


@dataclass
class TextChanges:
    """How many cells or characters were changed on the way out; zero everywhere is the rule."""

    replaced_characters: int = 0
    flattened_cells: int = 0
    guarded_cells: int = 0
    cut_cells: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts that are not zero."""
        return {name: count for name, count in asdict(self).items() if count}


CHANGE_WORDS = {
    "replaced_characters": Message(
        "characters that the format cannot hold, replaced by U+FFFD (\ufffd)"
    ),
    "flattened_cells": Message("texts with line breaks, each break replaced by a blank"),
    "guarded_cells": Message(
        "texts that a spreadsheet would take for a formula, marked with a leading '"
    ),
    "cut_cells": Message("texts over 32,767 characters, cut there with a mark (a limit of Excel)"),
}


@dataclass
class TextRules:
    """What a CSV or TSV file does to texts, and how often it was done.

    `guard` puts `'` before what a spreadsheet would take for a formula; `flatten` makes one line
    of many. Lone surrogates and NUL, which no reader takes, always become U+FFFD.
    """

    guard: bool = True
    flatten: bool = True
    changes: TextChanges = field(default_factory=TextChanges)

    def apply(self, text: str) -> str:
        """The text as it may be written; itself, if printable and not of the WATCHED_STARTS."""
        if not text.isprintable():
            text = replace_counted(_SURROGATE_OR_NUL, text, self.changes)
            if self.flatten:
                text = one_line(text, self.changes)
        if self.guard and _DANGEROUS.match(text):
            self.changes.guarded_cells += 1
            return "'" + text
        return text


def replace_counted(forbidden: re.Pattern[str], text: str, changes: TextChanges) -> str:
    """The text with each forbidden character replaced by U+FFFD, and counted."""
    text, count = forbidden.subn(REPLACEMENT, text)
    changes.replaced_characters += count
    return text


def one_line(text: str, changes: TextChanges) -> str:
    """The text with a blank for each line break of any script; counted once a text."""
    text, count = _LINE_BREAK.subn(" ", text)
    changes.flattened_cells += bool(count)
    return text


def replace_unholdable(values: Sequence[Any], changes: TextChanges) -> list[Any]:
    """Texts, and lists of texts, without the characters that UTF-8 cannot hold."""
    replaced: list[Any] = []
    for value in values:
        if isinstance(value, str):
            value = replace_counted(_SURROGATE_OR_NUL, value, changes)
        elif isinstance(value, list):
            value = replace_unholdable(value, changes)
        replaced.append(value)
    return replaced
