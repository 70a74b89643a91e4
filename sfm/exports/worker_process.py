"""Has an export made by a process of its own, so that pages are answered meanwhile as ever.

Python lets one thread of a process compute at a time. docs/decisions/0023 has the figures.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import sfm
from sfm.errors import SfmError
from sfm.exports.build import Watch
from sfm.exports.errand import WorkerTask, decode_error, decode_result
from sfm.exports.result import ExportRequest, ExportResult
from sfm.extensions import settings

logger = logging.getLogger(__name__)

NICENESS = 10  # as `nice` itself: pages go first, and it still ends on a busy machine
LOOK_SECONDS = 0.5  # how soon a wish to stop is heard while the other says nothing
PATIENCE_SECONDS = 5  # for taking away what is half written, before it is killed

ROOT = str(Path(sfm.__file__).resolve().parent.parent)
CHILD = """
import os, sys
os.nice(int(sys.argv[2]))
sys.path.insert(0, sys.argv[1])
from sfm.exports.worker_main import main
main()
"""


class WorkerDied(SfmError):
    """The process that made the export ended without a word."""


def build_in_process(order: ExportRequest, target: Path, watch: Watch) -> ExportResult:
    """As `produce.make`, in another process of lower rank, which ends when this one does.

    `watch` is told rows done and in all about five times a second, also while nothing moves, and
    may raise to stop. Raises NoRoom, DoesNotAddUp, WrongInput, MakerDied. Of the product's facts,
    gaps, runs and the summary stay with its maker.
    """
    errand = WorkerTask(order, target, settings().database, os.getpid())
    with _child(errand) as child:
        for told in _messages(child, watch):
            if "product" in told:
                return decode_result(told["product"], target)
            if "trouble" in told:
                raise decode_error(told)
            logger.error("export failed unexpectedly trace=%s", told["unexpected"])
            raise WorkerDied("It failed unexpectedly; the log of the pages says how.")
        raise WorkerDied(_death(child.wait()))


def _messages(child: subprocess.Popen[bytes], watch: Watch) -> Iterator[dict[str, Any]]:
    """What it says but for its progress, which `watch` hears."""
    done: int = 0
    total: int | None = None
    for line in _lines(_pipe(child.stdout)):
        told: dict[str, Any] = json.loads(line) if line else {"done": done, "total": total}
        if "done" in told:
            done, total = told["done"], told["total"]
            watch(done, total)
        else:
            yield told


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """The lines, each as soon as it is there; an empty one for each half second of silence."""
    held = b""
    poll = select.poll()  # select() would refuse the high numbers of a busy server's files
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(LOOK_SECONDS * 1000):
            yield b""
            continue
        some = os.read(pipe.fileno(), 1 << 16)
        if not some:
            return
        *lines, held = (held + some).split(b"\n")
        yield from lines


@contextmanager
def _child(errand: WorkerTask) -> Iterator[subprocess.Popen[bytes]]:
    """The process, at work; ended at the end, however that comes."""
    child = subprocess.Popen(  # noqa: S603  (our own interpreter and our own words)
        [sys.executable, "-P", "-c", CHILD, ROOT, str(NICENESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with suppress(BrokenPipeError), _pipe(child.stdin) as pipe:  # its silence says it all
            pipe.write(errand.as_line())
        yield child
    finally:
        child.terminate()  # nothing, if it has ended
        _pipe(child.stdout).close()
        try:
            child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  (asked for at the start)
    return pipe


def _death(code: int) -> str:
    if code < 0:
        return (
            f"The process that made it was ended from outside (signal {-code}); that happens when "
            "the machine runs out of memory. Ask for it again, or for fewer tweets at once."
        )
    return "The process that made it ended without a word; the log of the pages says more."
