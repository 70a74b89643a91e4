"""The heartbeat of a run: a thread that renews its lease while its process works on it, apart from
progress, so that a long step without progress is not taken for a dead process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from sfm.runs.context import HEARTBEAT_SECONDS, RunContext

logger = logging.getLogger(__name__)


@contextmanager
def heartbeats(run: RunContext, seconds: float = HEARTBEAT_SECONDS) -> Iterator[None]:
    """Inside the `with`, the run's lease and heartbeat are renewed every so many seconds.

    Errors of the database leave one heartbeat out. Ends by itself once the lease is lost.
    """
    app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]
    is_over = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(app, run, is_over, seconds), name=f"heartbeat-{run.id}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _beat(app: Flask, run: RunContext, is_over: threading.Event, seconds: float) -> None:
    with app.app_context():
        while not run.lost and not is_over.wait(seconds):
            try:
                run.beat()
            except SQLAlchemyError as exc:
                logger.warning("heartbeat missed run=%d cause=%s", run.id, type(exc).__name__)
            except Exception:
                logger.exception("heartbeat failed unexpectedly run=%d", run.id)
