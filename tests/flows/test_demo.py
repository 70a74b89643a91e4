"""`demo` tells a whole collection, ends 0, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_demo_collects_twice_renames_one_and_leaves_nothing(tmp_path: Path) -> None:
    instance, temporary = tmp_path / "instance", tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SFM_INSTANCE": str(instance), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = re.findall(r"([\d,]+) posts, with ([\d,]+) calls", done.stdout)
    assert int(first[0].replace(",", "")) > 2_000
    assert int(second[0].replace(",", "")) < 50, "only what is new"
    assert second[1] == "3", "one call an account"
    assert "FerryNotes is now called FerryLog." in done.stdout
    assert "FerryLog (once FerryNotes): " in done.stdout
    assert "spam_fountain: refused. Twitter has suspended" in done.stdout
    assert list(temporary.iterdir()) == []
    assert not (instance / "sfm.sqlite3").exists()
