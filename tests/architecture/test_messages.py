"""Every error for people is raised with a marked sentence: pages can translate it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.source import parsed_modules

ROOT = Path(__file__).resolve().parents[2]
SFM = ROOT / "sfm"
MARKS = ("Message", "PluralMessage", "N_")
BARE = ("sandbox",)  # speaks as X does


def trees() -> dict[Path, ast.Module]:
    return {path.relative_to(SFM): tree for path, tree in parsed_modules().items()}


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def error_classes(modules: dict[Path, ast.Module]) -> set[str]:
    """SfmError and every class below it, by name."""
    classes = [
        node
        for tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    names = {"SfmError"}
    while True:
        below = {node.name for node in classes if names & {name_of(base) for base in node.bases}}
        if below <= names:
            return names
        names |= below


def unmarked(tree: ast.AST, classes: set[str]) -> Iterator[str]:
    """Texts for people that are handed to an error without a mark; words of the program have
    no blank."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and (name_of(node.func) in classes or is_super(node))):
            continue
        for value in texts(node.args):
            if isinstance(value, ast.JoinedStr):
                yield f"{value.lineno}: {ast.unparse(value)}"
            elif isinstance(value, ast.Constant) and " " in str(value.value):
                yield f"{value.lineno}: {value.value}"


def is_super(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "super().__init__"


def texts(arguments: list[ast.expr]) -> Iterator[ast.expr]:
    for argument in arguments:
        if isinstance(argument, ast.IfExp):
            yield from texts([argument.body, argument.orelse])
        elif isinstance(argument, ast.BoolOp):
            yield from texts(argument.values)
        elif isinstance(argument, ast.Dict):
            yield from texts(argument.values)
        else:
            yield argument


def test_every_error_is_raised_with_a_marked_sentence() -> None:
    modules = trees()
    classes = error_classes(modules)
    assert {"WrongInput", "NoRules", "StorageTrouble", "BadFilter"} <= classes
    calls = 0
    wrong = []
    for path, tree in modules.items():
        if path.parts[0] in BARE:
            continue
        calls += sum(
            isinstance(node, ast.Call) and name_of(node.func) in classes for node in ast.walk(tree)
        )
        wrong += [f"sfm/{path}:{text}" for text in unmarked(tree, classes)]
    assert calls > 150
    assert not wrong, "write Message(“…%(name)s…”, name=…), see sfm/messages.py"


def test_no_marked_sentence_is_an_f_string() -> None:
    wrong = [
        f"sfm/{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and name_of(node.func) in ("Message", "PluralMessage", "N_")
        and node.args
        if any(isinstance(text, ast.JoinedStr | ast.BinOp) for text in node.args[:2])
    ]
    assert not wrong


def test_an_unmarked_sentence_is_noticed() -> None:
    tree = ast.parse('raise WrongInput(f"No {name} here.")\nraise WrongInput("Nothing here.")')
    assert len(list(unmarked(tree, {"WrongInput"}))) == 2
    assert not list(
        unmarked(ast.parse('raise WrongInput(Message("No %(n)s", n=1))'), {"WrongInput"})
    )
