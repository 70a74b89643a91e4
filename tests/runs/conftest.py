"""A second process with the same database, for what only two processes can show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from sfm.extensions import settings as settings_of

ROOT = Path(__file__).resolve().parents[2]
START = """
import logging, sys
logging.disable(logging.CRITICAL)
from sfm.factory import create_app
from sfm.config import from_env
app = create_app(from_env())
with app.app_context():
"""

Starter = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def other_process(app: Flask) -> Iterator[Starter]:
    """Starts Python with lines of code inside an app context; ends it with the test."""
    settings = settings_of()
    env = {
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
        "PATH": "/usr/bin:/bin",
    }
    started: list[subprocess.Popen[str]] = []

    def start(lines: str) -> subprocess.Popen[str]:
        code = START + "".join(f"    {line}\n" for line in lines.strip().splitlines())
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """The next line that the other process prints."""
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str = "go") -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()
