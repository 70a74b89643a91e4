"""How long a command takes to answer `--help`, against importing Flask and Flask-SQLAlchemy."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.table import Row, show

ROOT = Path(__file__).resolve().parent.parent
HELP = [sys.executable, "-m", "flask", "--app", "app", "user_timeline", "--help"]
FLOOR = [sys.executable, "-c", "import flask, flask_sqlalchemy"]


def cpu_of(command: list[str], environ: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        environ = {**os.environ, "SFM_INSTANCE": folder}
        pairs = [(cpu_of(HELP, environ), cpu_of(FLOOR, environ)) for _ in range(8)][1:]
    ours, floor = (sorted(column)[len(pairs) // 2] for column in zip(*pairs, strict=True))
    return show(
        "Start-up (CPU seconds, medians of 7 pairs)",
        [
            Row(
                "user_timeline --help",
                f"{ours:.2f} s",
                f"imports {floor:.2f} s",
                ours / floor,
                "<= 1.3",
            )
        ],
    )


if __name__ == "__main__":
    main()
