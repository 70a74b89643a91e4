"""What commands that are runs share: the run itself, a clean end on SIGTERM, progress."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import datetime

    from sfm.networks.adapter import NetworkClient
    from sfm.runs.context import RunContext

TICK_SECONDS = 0.5
SAME_SECONDS = 60.0  # threads that wait for the same window differ by a few seconds
MIN_WAIT_SECONDS = 5.0  # shorter waits are not worth a line


@contextmanager
def running(
    kind: str, params: Mapping[str, Any] | None = None
) -> Iterator[tuple[RunContext, dict[str, Any]]]:
    """A run of this kind for the length of the `with`, and the dictionary of its result.

    Raises AlreadyRunning where one is going on. On SIGTERM it ends at its next item.
    """
    from sfm.runs import queue, shutdown

    before = signal.signal(signal.SIGTERM, lambda *_: shutdown.request_stop())
    try:
        run = queue.start(kind, params)
        run.tell_wait = WaitLine()
        with queue.finish(run) as result, progress_line(run):
            yield run, result
    finally:
        signal.signal(signal.SIGTERM, before)
        shutdown.clear_stop()


def patient_client(run: RunContext) -> NetworkClient:
    """A client that waits for limits as part of the run, and leaves no transaction open."""
    from sfm.database import db
    from sfm.users.clients import default_client

    client = default_client(lambda wait: run.wait(wait.until, wait.message))
    db.session.rollback()
    return client


class WaitLine:
    """Writes one line on stderr for each longer wait: what for, and until when (UTC)."""

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._lock = threading.Lock()

    def __call__(self, until: datetime, why: str) -> None:
        """Several threads may wait for the same; one line says so."""
        from sfm import clock

        with self._lock:
            is_told = (
                self._until is not None and (until - self._until).total_seconds() < SAME_SECONDS
            )
            if is_told or (until - clock.now()).total_seconds() < MIN_WAIT_SECONDS:
                return
            self._until = until
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        click.echo(f"{start}Waiting until {clock.iso(until)}: {why}", err=True)


@contextmanager
def progress_line(run: RunContext) -> Iterator[None]:
    """One line on stderr that follows the run; nothing at all where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def follow() -> None:
        while not over.wait(TICK_SECONDS):
            click.echo("\r\x1b[K" + words_for(run)[:120], err=True, nl=False)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        click.echo("\r\x1b[K", err=True, nl=False)


def words_for(run: RunContext) -> str:
    """How far a run is: `12 of 300 accounts, 340 new posts. Waiting …`."""
    from sfm.runs.jobs import job_of

    shown, words = run.progress, job_of(run.kind)
    of_all = f" of {shown.total:,}" if shown.total is not None else ""
    line = f"{shown.done:,}{of_all} {words.items}, {shown.added:,} {words.counts}."
    return f"{line} {shown.message}".strip()
