"""What translators get: a method for `pybabel extract` that knows the house's sentences too.

Pages, commands and the sandbox aside, nothing in `sfm/` calls gettext. There a string is for
people if it is a sentence, stands in a table of words, or is a title of a Kind, Job, Column or
Format. `sfm/web/translation.py` looks these up again. See babel.cfg.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import IO, Any

from babel.messages.extract import extract_python

from sfm.web.translation import CONTEXT

OWN_WORDS = {"lazy_gettext": "gettext", "_l": "gettext"}
CALLS_GETTEXT = re.compile(r"(^|/)(web|cli|sandbox)(/|$)|config\.py$|factory\.py$|extensions\.py$")
SENTENCE = re.compile(r"\s*(?:[A-Z{“\"]|supervisord ).*[a-z}”] .*[.?!…]\s*", re.DOTALL)
NO_SENTENCE = re.compile(r"\s*(SELECT|INSERT|CREATE|DELETE|UPDATE|WITH|ON CONFLICT|PRAGMA)\b")
TABLE = re.compile(r"LONG|WORDS|LABELS|PACKINGS|EVERY|MESSAGES|TITLES|_UNUSABLE|TOLD|ADVICE")
SAYS = re.compile(r"words|label|title|every")
TITLES = {"Job": 1, "Format": 1, "column": 2}  # the first argument that is for people
PLACE = re.compile(r"\{(\w+)\}")  # of str.format
LOGGING = {"debug", "info", "warning", "error", "exception", "critical"}

Found = tuple[int, str, Any, Any]


def extract(
    file: IO[bytes], keywords: Collection[str], tags: Collection[str], options: dict[str, Any]
) -> Iterator[Found]:
    """All messages of a Python file: what it hands to gettext, and its sentences."""
    names = dict.fromkeys([*keywords, *OWN_WORDS])
    for line, called, messages, comments in extract_python(file, names, tags, {}):
        yield line, OWN_WORDS.get(str(called), str(called)), messages, comments
    if CALLS_GETTEXT.search(str(getattr(file, "name", ""))):
        return
    file.seek(0)
    for line, text in sorted(set(_told(ast.parse(file.read())))):
        yield line, "pgettext", (CONTEXT, text), []


def _told(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node, shown in _strings(tree, shown=False):
        text = _english(node)
        bare = text.strip()
        is_sentence = SENTENCE.fullmatch(text) and not NO_SENTENCE.match(text)
        letters = re.sub(r"%\(\w+\)s", "", bare)
        if (shown or is_sentence) and re.search(r"[a-z]{2}", letters) and "\\" not in bare:
            yield node.lineno, bare


def _strings(node: ast.AST, *, shown: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Strings below a node, and whether what stands around says that they are for people."""
    for child in ast.iter_child_nodes(node):
        if _is_silent(child):
            continue
        spoken = shown or _is_for_people(node, child)
        if isinstance(child, ast.JoinedStr | ast.Constant):
            if isinstance(child, ast.JoinedStr) or isinstance(child.value, str):
                yield child, spoken and not _is_key(node, child)
        elif isinstance(child, ast.Call) and _name(child.func) in TITLES:
            yield from ((title, True) for title in _titles(child))
        else:
            yield from _strings(child, shown=spoken)


def _is_key(node: ast.AST, child: ast.expr) -> bool:
    """Whether it is what a table is asked by: a word of the program's own."""
    return isinstance(node, ast.Dict) and child in node.keys and _english(child).islower()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_silent(node: ast.AST) -> bool:
    """Docstrings and what goes into the log."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in LOGGING and _name(node.func.value) == "logger"


def _titles(call: ast.Call) -> Iterator[ast.expr]:
    behind = call.args[TITLES[_name(call.func)] :]
    for argument in behind:
        if isinstance(argument, ast.JoinedStr) or (
            _is_text(argument) and _is_spoken(_english(argument))
        ):
            yield argument


def _is_spoken(text: str) -> bool:
    """Not a suffix, a type or the name of a field."""
    return bool(re.search(r"[A-Za-z] |^[A-Z]?[a-z]+$", text)) and "/" not in text


def _is_for_people(node: ast.AST, child: ast.AST) -> bool:
    if isinstance(child, ast.Dict | ast.Tuple) and isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(TABLE.search(_name(target)) for target in targets)
    if isinstance(child, ast.FunctionDef):
        return bool(SAYS.search(child.name))
    return isinstance(node, ast.Assign) and any(_name(target) == "words" for target in node.targets)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _english(node: ast.AST) -> str:
    """The text, with a named place for each value; what stands for `%` is doubled then."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
        return PLACE.sub(r"%(\1)s", text.replace("%", "%%")) if PLACE.search(text) else text
    assert isinstance(node, ast.JoinedStr)  # noqa: S101
    taken: dict[str, int] = {}
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("%", "%%"))
        elif isinstance(part, ast.FormattedValue):
            name = re.sub(r"\W+", "_", ast.unparse(part.value)).strip("_")[:30] or "value"
            name = name if name[0].isalpha() else f"value_{name}"
            taken[name] = taken.get(name, 0) + 1
            parts.append(f"%({name if taken[name] == 1 else f'{name}_{taken[name]}'})s")
    return "".join(parts)
