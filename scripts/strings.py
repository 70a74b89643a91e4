"""What translators get: a method for `pybabel extract` that knows the calls which mark a string.

Pages and commands hand theirs to gettext. Below them a sentence is marked where it is made, by
`Message("…")`, or by `N_("…")` where a Message is made of it later. See babel.cfg.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import IO, Any

from babel.messages.extract import extract_python

GETTEXT_ALIASES = {"lazy_gettext": "gettext", "_l": "gettext"}
MARKS = {"Message", "N_"}

Extracted = tuple[int, str, Any, Any]


def extract(
    file: IO[bytes], keywords: Collection[str], tags: Collection[str], options: dict[str, Any]
) -> Iterator[Extracted]:
    """All messages of a Python file: what it hands to gettext, and what it marks."""
    names = dict.fromkeys([*(set(keywords) - MARKS), *GETTEXT_ALIASES])
    for line, called, messages, comments in extract_python(file, names, tags, {}):
        yield line, GETTEXT_ALIASES.get(str(called), str(called)), messages, comments
    file.seek(0)
    for line, msgid in sorted(set(marked(ast.parse(file.read())))):
        yield line, "gettext", msgid, []


def marked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and msgid of each `Message("…")` and `N_("…")`, also of one within another."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        first = node.args[0]
        if isinstance(node.func, ast.Name) and node.func.id in MARKS:
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.lineno, first.value
