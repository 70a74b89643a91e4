"""docs/faults.md keeps its word: every fault is there once, and every test that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
SHOWN, _, NOT_SHOWN = TEXT.partition("## Not shown by a test")
FAULTS = {
    "ST": 28,
    "CP": 22,
    "SV": 24,
    "JB": 23,
    "AP": 25,
    "UX": 18,
    "EX": 13,
    "ID": 8,
    "RM": 2,
    "RN": 11,
}
ROW = re.compile(r"^\| ([A-Z]{2}\d+) \|(.*)\|$", re.M)


def test_every_fault_is_there_once() -> None:
    wanted = {f"{letters}{number}" for letters, most in FAULTS.items() for number in numbers(most)}
    found = [row for row, _ in ROW.findall(TEXT)]
    assert set(found) == wanted
    assert len(found) == len(wanted)


def numbers(most: int) -> range:
    return range(1, most + 1)


def test_every_row_names_a_test_or_says_why_not() -> None:
    for row, rest in ROW.findall(SHOWN):
        *words, tests = (cell.strip() for cell in rest.split(" | "))
        assert len(words) == 2, row
        assert all(words), row
        assert re.fullmatch(r"`tests/[^`]+`(, `tests/[^`]+`)*", tests), row
    for row, rest in ROW.findall(NOT_SHOWN):
        fault, why = (cell.strip() for cell in rest.split(" | "))
        assert fault, row
        assert len(why) > 40, row


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(tests/[^`]*)`", TEXT)) - {"tests/architecture/test_fault_table.py"}
    assert len(named) > 100
    missing = []
    for name in named:
        path, _, function = name.partition("::")
        if not function.startswith("test_") or function not in functions_of(path):
            missing.append(name)
    assert not missing


@cache
def functions_of(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))
