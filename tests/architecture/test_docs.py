"""Docs that are made from the code are up to date; nothing is left without a word of help."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from sfm.cli import COMMANDS, LazyCommand
from sfm.config import table

ROOT = Path(__file__).resolve().parents[2]


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts/write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["settings.md", "commands.md", "decisions/README.md", "architecture.md"]
)
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == writer().PAGES[page](), "run `make docs`"


def test_every_setting_says_what_it_is() -> None:
    assert not [entry.name for entry in table() if not entry.metadata["help"].endswith(".")]


def test_every_command_and_option_says_what_it_does() -> None:
    silent = []
    for name, place in COMMANDS.items():
        command = LazyCommand(name, place).real
        if not command.help:
            silent.append(name)
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden and not param.help:
                silent.append(f"{name} {param.name}")
    assert not silent


def test_every_page_is_linked_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(([^)#]+)\)", index))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert not (pages | {"decisions/README.md"}) - links, "add it to docs/README.md"


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / link).exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_and_functions_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:sfm|tests|scripts|docs)/[\w./-]+\.\w+)(?:::(\w+))?`", text)
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and name not in defined_in(ROOT / path))
    ]
    assert not missing


def test_two_ways_are_told_in_ten_steps_each() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for way in ("post", "filter"):
        story = text.partition(f"## The way of one {way}\n")[2].partition("\n## ")[0]
        steps = re.findall(r"^\d+\. .*$", story, re.M)
        assert len(steps) == 10
        assert all("`sfm/" in step for step in steps)


def test_fifteen_questions_have_a_file_each() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where is …?\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+\?) \| `([^`]+)` \|$", table, re.M)
    assert len(rows) >= 15
    assert len({file for _, file in rows}) == len(rows)
    assert not [file for _, file in rows if not (ROOT / file).is_file()]
