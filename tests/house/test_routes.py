"""Flask's own `routes` command lists every page, though commands do without pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flask import Flask

ROOT = Path(__file__).resolve().parents[2]


def test_flask_routes_lists_every_page(app: Flask, instance_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "routes"],
        cwd=ROOT, env={"SFM_INSTANCE": str(instance_folder), "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines()[2:]}
    assert listed == {rule.endpoint for rule in app.url_map.iter_rules()}
    assert {"status.index", "static"} <= listed
