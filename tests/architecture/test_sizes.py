"""Sizes of the house: functions of 40 lines at most, modules of 400."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.source import nodes_of, parsed_modules

ROOT = Path(__file__).resolve().parents[2]


def lines_without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node):
        first = node.body[0]
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_no_function_over_forty_lines() -> None:
    wrong = []
    for path, tree in parsed_modules().items():
        for node in nodes_of(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = lines_without_docstring(node)
                if length > 40:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {length}")
    assert not wrong


def test_no_module_over_four_hundred_lines() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} {length}"
        for path in sorted((ROOT / "sfm").rglob("*.py"))
        if (length := path.read_text(encoding="utf-8").count("\n")) > 400
    ]
    assert not wrong


def test_no_room_for_odds_and_ends() -> None:
    odd = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in (ROOT / "sfm").rglob("*.py") if path.stem in odd]
