"""The process that makes one export for another, and ends with it. Started by `apart` alone."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from typing import Any, BinaryIO

from flask import Flask

from sfm.database import db, hide_values_in_errors, listen_to_sqlite
from sfm.errors import SfmError
from sfm.exports import worker_process
from sfm.exports.build import make
from sfm.supervisord.parent_death import end_with_parent

SAY_SECONDS = 0.2  # between two words on progress


class Says:
    """Progress, from time to time; it fails as soon as nobody listens any more."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._said_at = 0.0

    def progress(self, done: int, total: int | None) -> None:
        """Rows done and in all: the first and the last at once, others every 0.2 s at most."""
        if done not in (0, total) and time.monotonic() - self._said_at < SAY_SECONDS:
            return
        self._said_at = time.monotonic()
        self.say(worker_process.encode_progress(done, total))

    def say(self, message: dict[str, Any]) -> None:
        """One message."""
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()


def main() -> None:
    """Read an errand from standard input, do it, say how it went on standard output."""
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGINT):  # what is half written is taken away
        signal.signal(number, _end)
    given = worker_process.decode_task(sys.stdin.buffer.readline())
    end_with_parent(signal.SIGKILL, parent=given.for_pid)
    says = Says(_private_output())
    try:
        with bare_app(given.database).app_context():
            product = make(given.order, given.target, says.progress)
    except SfmError as exc:
        says.say(worker_process.encode_error(exc))
    except Exception:  # told to the one who asked, whose log knows which run it was
        says.say({"unexpected": traceback.format_exc()})
    else:
        says.say(worker_process.encode_result(product))


def bare_app(database: str) -> Flask:
    """An app that has the database and nothing else: no pages, no keys, no settings."""
    app = Flask("sfm")
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=database, SQLALCHEMY_ENGINE_OPTIONS={"hide_parameters": True}
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
