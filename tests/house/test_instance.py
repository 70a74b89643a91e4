"""The instance folder's own secret: one for all processes, whoever of them comes first."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sfm.instance import kept_secret
from tests.threads import at_once


def test_all_who_come_at_once_get_the_same_whole_secret(tmp_path: Path) -> None:
    for number in range(40):
        file, found = tmp_path / f"{number}.key", []
        start = threading.Barrier(6)

        def ask(file: Path = file, found: list[str] = found, start: threading.Barrier = start):
            start.wait()
            found.append(kept_secret(file))

        at_once(6, ask)
        assert len(found) == 6
        assert len(set(found)) == 1
        assert len(found[0]) == 64
        assert file.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 40, "no draft is left"


def test_the_file_has_its_name_only_when_the_secret_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that finds the file while another makes it must not read an empty one."""
    seen = []
    link = os.link

    def looked_at(draft: Path, target: Path) -> None:
        seen.append((target.exists(), len(draft.read_text())))
        link(draft, target)

    monkeypatch.setattr(os, "link", looked_at)
    secret = kept_secret(tmp_path / "secret.key")
    assert seen == [(False, 64)]
    assert kept_secret(tmp_path / "secret.key") == secret
