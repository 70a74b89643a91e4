"""Has a run carried out by a process of its own, so that pages are answered meanwhile as ever.

For jobs that compute for minutes: Python lets one thread of a process compute at a time. What such
a run needs of memory goes back to the system with its process. docs/decisions/0023 has the figures.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from flask import Flask

import sfm
from sfm.jobs import worker
from sfm.runs import handover, shutdown
from sfm.runs.context import RunContext
from sfm.supervisord.parent_death import end_with_parent

logger = logging.getLogger(__name__)

NICENESS = 10  # as `nice` itself: pages go first
POLL_SECONDS = 0.5
ROOT = str(Path(sfm.__file__).resolve().parent.parent)
CHILD = """
import os, sys
os.nice(int(sys.argv[2]))
sys.path.insert(0, sys.argv[1])
from sfm.factory import app_from_env
from sfm.jobs.run_process import main
main(app_from_env(for_commands=True), int(sys.argv[3]))
"""


def carry_out(run: RunContext) -> None:
    """Have another process carry out this run to its end; asked to stop when this process is.

    The other has the settings of the environment. A run that it leaves without a word is queued
    again, or closed, as after any crash.
    """
    with shutdown.run_under_way():
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and our own words)
            [sys.executable, "-P", "-c", CHILD, ROOT, str(NICENESS), str(os.getpid())],
            stdin=subprocess.PIPE,
        )
        assert child.stdin is not None  # noqa: S101  (asked for just now)
        with suppress(BrokenPipeError), child.stdin as pipe:  # its end says it all
            pipe.write(handover.encode(run))
        was_asked = _wait_for(child)
        if handover.recover_left(run, was_asked=was_asked):
            logger.error("the process of a run ended without a word run=%d", run.id)


def _wait_for(child: subprocess.Popen[bytes]) -> bool:
    """Wait for its end; whether it was asked to stop, as this process was."""
    was_asked = False
    while child.poll() is None:
        if shutdown.stop_requested() and not was_asked:
            child.terminate()
            was_asked = True
        with suppress(subprocess.TimeoutExpired):
            child.wait(POLL_SECONDS)
    return was_asked


def main(app: Flask, for_pid: int) -> None:
    """In the other process: take the run over from standard input, and carry it out."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shutdown.request_stop())
    end_with_parent(signal.SIGTERM, parent=for_pid)
    line = sys.stdin.buffer.readline()
    with app.app_context():
        run = handover.take_over(line)
        if run is not None:
            worker.execute(run)
