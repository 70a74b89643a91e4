"""What translators get: a method for `pybabel extract` that knows the calls which mark a string.

Pages and commands hand theirs to gettext. Below them a sentence is marked where it is made, by
`Message("…")` and `PluralMessage("…", "…", count)`, or by `N_("…")` where a Message is made of it
later. See babel.cfg.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import IO, Any

from babel.messages.extract import extract_python

GETTEXT_ALIASES = {"lazy_gettext": "gettext", "_l": "gettext"}
MARKS = {"Message": 1, "N_": 1, "PluralMessage": 2}  # and how many of their arguments are msgids

Extracted = tuple[int, str, Any, Any]


def extract(
    file: IO[bytes], keywords: Collection[str], tags: Collection[str], options: dict[str, Any]
) -> Iterator[Extracted]:
    """All messages of a Python file: what it hands to gettext, and what it marks."""
    names = dict.fromkeys([*(set(keywords) - MARKS.keys()), *GETTEXT_ALIASES])
    for line, called, messages, comments in extract_python(file, names, tags, {}):
        yield line, GETTEXT_ALIASES.get(str(called), str(called)), messages, comments
    file.seek(0)
    for line, msgids in sorted(set(marked(ast.parse(file.read())))):
        if len(msgids) == 1:
            yield line, "gettext", msgids[0], []
        else:
            yield line, "ngettext", msgids, []


def marked(tree: ast.AST) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and msgids of each `Message("…")`, `PluralMessage("…", "…", count)` and `N_("…")`, also
    of one within another."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in MARKS:
            firsts = node.args[: MARKS[node.func.id]]
            msgids = [arg.value for arg in firsts if isinstance(arg, ast.Constant)]
            if len(msgids) == len(firsts) and all(isinstance(msgid, str) for msgid in msgids):
                yield firsts[0].lineno, tuple(map(str, msgids))
