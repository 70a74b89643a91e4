"""docs/security.md keeps its word: every row is there, and every test that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_row_is_there_once() -> None:
    rows = [int(number) for number in re.findall(r"^\| S(\d+) \|", TEXT, re.M)]
    assert rows == list(range(1, 58))


def test_every_row_names_a_test_or_says_why_not() -> None:
    for row in re.findall(r"^\| S\d+ \|.*$", TEXT, re.M):
        assert "::test_" in row or "not tested" in row, row


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT))
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if name not in functions_of(path)]
    assert not missing


def functions_of(path: str) -> set[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.parse("")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_htmx_is_ours_pinned_and_evaluates_nothing() -> None:
    vendored = sorted((ROOT / "sfm/static/vendor").glob("htmx.org@*"))
    assert [folder.name.startswith("htmx.org@2.0.") for folder in vendored] == [True]
    base = (ROOT / "sfm/templates/base.html").read_text(encoding="utf-8")
    assert f"vendor/{vendored[0].name}/htmx.min.js" in base
    for switch in (
        '"allowEval":false',
        '"allowScriptTags":false',
        '"includeIndicatorStyles":false',
        '"historyCacheSize":0',
        '"selfRequestsOnly":true',
    ):
        assert switch in base


def test_every_library_is_locked_with_its_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lock = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
        pinned = [line for line in lines if re.match(r"[\w.\[\]-]+==", line.strip())]
        assert len(pinned) > 20
        assert not [line for line in pinned if "--hash=sha256:" not in line]


def test_every_word_of_the_audit_log_is_explained() -> None:
    from sfm.web.pages.audit import WORDS

    recorded = set()
    for path in (ROOT / "sfm").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("record"):
                recorded |= {
                    part.value
                    for value in node.args
                    for part in ast.walk(value)
                    if isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and re.fullmatch(r"[a-z_]+\.[a-z_]+", part.value)
                }
    assert len(recorded) > 20
    assert recorded - set(WORDS) == set()
