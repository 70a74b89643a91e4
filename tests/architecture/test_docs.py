"""Docs that are made from the code are up to date; nothing is left without a word of help."""

from __future__ import annotations

import importlib.util
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


@pytest.mark.parametrize("page", ["settings.md", "commands.md", "decisions/README.md"])
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
