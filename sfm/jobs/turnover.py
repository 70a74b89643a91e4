"""The turnover of gunicorn's workers: runs stop at their next item before their process ends.

gunicorn by itself ends a worker in the middle of a run, answers nothing with it meanwhile, and
kills it after `--timeout`. Only gunicorn.conf.py calls this.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from sfm.runs import shutdown

logger = logging.getLogger(__name__)

NOTIFY_SECONDS = 1.0
_lock = threading.Lock()
_max_requests = sys.maxsize


def prepare(worker: Any) -> None:
    """Take over `--max-requests`, and have the worker wait for its runs when it ends."""
    global _max_requests
    _max_requests, worker.max_requests = worker.max_requests, sys.maxsize
    serve = worker.run

    def serve_then_wait() -> None:
        serve()
        shutdown.request_stop()  # also where no signal asked for the end
        while not shutdown.wait_until_idle(NOTIFY_SECONDS):
            worker.notify()  # else gunicorn takes it for stuck and kills it

    worker.run = serve_then_wait


def after_request(worker: Any) -> None:
    """After so many requests, ask this process's runs to stop; once they have, end the worker.

    It answers requests until then.
    """
    with _lock:
        if worker.nr < _max_requests or shutdown.stop_requested():
            return
        shutdown.request_stop()
    logger.info("worker is replaced after requests=%d", worker.nr)
    threading.Thread(target=_end_when_idle, args=(worker,), name="turnover", daemon=True).start()


def _end_when_idle(worker: Any) -> None:
    shutdown.wait_until_idle()
    worker.alive = False
