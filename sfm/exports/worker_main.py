"""The process that makes one export for another. Started by `worker_process` alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from typing import Any, BinaryIO

from flask import Flask

from sfm.database import db, engine_options, hide_values_in_errors, listen_to_sqlite
from sfm.errors import SfmError
from sfm.exports import worker_process
from sfm.exports.build import build_export
from sfm.supervisord.parent_death import end_with_parent

PROGRESS_SECONDS = 0.2  # between two messages of progress


class ProgressWriter:
    """Writes messages to the parent process; BrokenPipeError once that has closed the pipe."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._sent_at = 0.0

    def progress(self, done: int, total: int | None) -> None:
        """Rows done and in all: the first and the last at once, others every 0.2 s at most."""
        if done not in (0, total) and time.monotonic() - self._sent_at < PROGRESS_SECONDS:
            return
        self._sent_at = time.monotonic()
        self.send(worker_process.encode_progress(done, total))

    def send(self, message: dict[str, Any]) -> None:
        """One message."""
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()


def main() -> None:
    """Read a task from standard input, make the export, write the outcome to standard output."""
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGINT):  # what is half written is taken away
        signal.signal(number, _end)
    task = worker_process.decode_task(sys.stdin.buffer.readline())
    end_with_parent(signal.SIGKILL, parent=task.for_pid)
    progress = ProgressWriter(_private_output())
    try:
        with bare_app(task.database).app_context():
            result = build_export(task.request, task.target, progress.progress)
    except SfmError as exc:
        progress.send(worker_process.encode_error(exc))
    except Exception:  # sent to the parent process, whose log knows the run
        progress.send({"unexpected": traceback.format_exc()})
    else:
        progress.send(worker_process.encode_result(result))


def bare_app(database: str) -> Flask:
    """An app that has the database and nothing else: no pages, no keys, no settings."""
    app = Flask("sfm")
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=database, SQLALCHEMY_ENGINE_OPTIONS=engine_options(database, 1)
    )
    db.init_app(app)
    with app.app_context():
        listen_to_sqlite(db.engine)
        hide_values_in_errors(db.engine)
    return app


def _private_output() -> BinaryIO:
    """Standard output for messages alone: what a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _end(_number: int, _frame: Any) -> None:
    sys.exit(1)
