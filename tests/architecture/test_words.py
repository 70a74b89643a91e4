"""The repository speaks of the software: nothing names a machine's own folders or a registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"instance", "vendor", "__pycache__"}
KINDS = {".py", ".md", ".html", ".js", ".css", ".lock", ".toml", ".conf", ".in", ".txt", ""}
# Folders under which people try things out, and addresses that a lock or a script may have kept.
NAMED = re.compile(r"(?<![\w.-])/(?:tmp|work|root)/\w|--index-url https?:|://[\w.-]*pypi[\w.-]*/")


def ours() -> Iterator[Path]:
    """The repository's own texts: no caches, no environments, nothing that others wrote."""
    for file in ROOT.rglob("*"):
        folders = file.relative_to(ROOT).parts[:-1]
        if file == ROOT / ".git":  # in a worktree a file, which names the main checkout
            continue
        hidden = any(part.startswith(".") and part != ".ci" for part in folders)
        if not hidden and not LEFT_OUT & set(folders) and file.suffix in KINDS and file.is_file():
            yield file


def test_no_file_names_a_machines_own_folders_or_a_registry() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for file in ours()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), start=1)
        if NAMED.search(line)
    ]
    assert found == []
