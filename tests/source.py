"""The software's own modules, each parsed once for all tests that read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

SFM = Path(__file__).resolve().parent.parent / "sfm"


@cache
def parsed_modules() -> dict[Path, ast.Module]:
    """The syntax tree of every module of `sfm/`, by its full path, in order."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SFM.rglob("*.py"))}


@cache
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a tree, listed once."""
    return tuple(ast.walk(tree))
