"""Folders and processes that write stream files, and an oracle that reads them with plain zcat."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "twitterfilter-12"


class Driver:
    """tests/streams/driver.py as a process; `said` grows while it runs."""

    def __init__(self, command: Sequence[object], pass_fds: Sequence[int] = ()) -> None:
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
        )
        self.said: list[str] = []
        self.complaints: list[str] = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._listeners = [
            self._listen(self.process.stdout, self.said),
            self._listen(self.process.stderr, self.complaints),
        ]

    def _listen(self, pipe: Iterator[str], into: list[str]) -> threading.Thread:
        thread = threading.Thread(target=lambda: into.extend(iter_lines(pipe)), daemon=True)
        thread.start()
        return thread

    @property
    def safe(self) -> int:
        """The highest id that it said was safe; 0 before the first."""
        return max(
            (int(line.split()[1]) for line in list(self.said) if line[:5] == "safe "), default=0
        )

    def end(self, seconds: float = 100) -> int:
        code = self.process.wait(seconds)
        for thread in self._listeners:
            thread.join(10)
        return code


def iter_lines(pipe: Iterator[str]) -> Iterator[str]:
    for line in pipe:
        yield line.rstrip("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def drive(folder: Path) -> Iterator[Callable[..., Driver]]:
    """Start a driver: drive(first, count, interval, pause, before=[wrapper command])."""
    drivers: list[Driver] = []

    def drive(
        first: int, count: int, interval: float = 900, pause: float = 0,
        before: Sequence[object] = (), where: Path = folder, standing: str = "",
    ) -> Driver:  # fmt: skip
        script = ROOT / "tests" / "streams" / "driver.py"
        command = [*before, sys.executable, script, where, PREFIX, first, count, interval, pause]
        command += [standing] if standing else []
        drivers.append(Driver(command))
        return drivers[-1]

    yield drive
    for driver in drivers:
        if driver.process.poll() is None:
            driver.process.kill()
        driver.end()


def zcat(path: Path) -> bytes:
    """What plain zcat makes of a file; it has to be good for it."""
    done = subprocess.run(["zcat"], stdin=path.open("rb"), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), path.name
    return done.stdout


def sealed_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*Z.gz"))


def ids_in(paths: Sequence[Path]) -> Counter[int]:
    """How often each id is in these files."""
    found: Counter[int] = Counter()
    for path in paths:
        text = zcat(path)
        assert text.endswith(b"\n")
        found.update(int(number) for number in re.findall(rb'^\{"data":\{"id":"(\d+)"', text, re.M))
        assert len(text.split(b"\n")) - 1 == len(re.findall(rb"^\{.*\}$", text, re.M))
    return found
