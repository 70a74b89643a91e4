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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import sfm
from sfm import clock
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.exports.build import Watch
from sfm.exports.errors import CountMismatch, FileGone, NoRoom
from sfm.exports.format import layout_from
from sfm.exports.request import About, ExportRequest, criteria_from
from sfm.exports.result import ExportFacts, ExportResult, Summary
from sfm.extensions import settings
from sfm.messages import Message, pack, unpack

logger = logging.getLogger(__name__)

NICENESS = 10  # as `nice` itself: pages go first, and it still ends on a busy machine
POLL_SECONDS = 0.5  # between two calls of `watch` while no message comes
TERMINATE_SECONDS = 5  # for taking away what is half written, before it is killed

ROOT = str(Path(sfm.__file__).resolve().parent.parent)
CHILD = """
import os, sys
os.nice(int(sys.argv[2]))
sys.path.insert(0, sys.argv[1])
from sfm.exports.worker_main import main
main()
"""


class WorkerDied(SfmError):
    """The process that made the export ended without a result."""


def build_in_process(request: ExportRequest, target: Path, watch: Watch) -> ExportResult:
    """As `build_export`, in another process of lower priority, which ends when this one does.

    `watch` is told rows done and in all about five times a second, also while nothing moves, and
    may raise to stop. Raises NoRoom, CountMismatch, WrongInput, WorkerDied. Of the result's facts,
    gaps, runs and the summary stay in that process.
    """
    task = WorkerTask(request, target, settings().database, os.getpid())
    with _child(task) as child:
        for message in _messages(child, watch):
            if "result" in message:
                return decode_result(message["result"], target)
            if "error" in message:
                raise decode_error(message)
            logger.error("export failed unexpectedly trace=%s", message["unexpected"])
            raise WorkerDied(Message("It failed unexpectedly; the log of the pages says how."))
        raise WorkerDied(_describe_death(child.wait()))


def _messages(child: subprocess.Popen[bytes], watch: Watch) -> Iterator[dict[str, Any]]:
    """The process's messages but its progress, which `watch` gets."""
    done: int = 0
    total: int | None = None
    for line in _lines(_pipe(child.stdout)):
        message: dict[str, Any] = json.loads(line) if line else {"done": done, "total": total}
        if "done" in message:
            done, total = message["done"], message["total"]
            watch(done, total)
        else:
            yield message


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """The lines, each as soon as it is there; an empty one for each half second of silence."""
    rest = b""
    poll = select.poll()  # select() would refuse the high numbers of a busy server's files
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(POLL_SECONDS * 1000):
            yield b""
            continue
        chunk = os.read(pipe.fileno(), 1 << 16)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


@contextmanager
def _child(task: WorkerTask) -> Iterator[subprocess.Popen[bytes]]:
    """The process, at work; ended at the end, however that comes."""
    child = subprocess.Popen(  # noqa: S603  (our own interpreter and our own words)
        [sys.executable, "-P", "-c", CHILD, ROOT, str(NICENESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with suppress(BrokenPipeError), _pipe(child.stdin) as pipe:  # its silence says it all
            pipe.write(task.as_line())
        yield child
    finally:
        child.terminate()  # nothing, if it has ended
        _pipe(child.stdout).close()
        try:
            child.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  (asked for at the start)
    return pipe


def _describe_death(code: int) -> str:
    if code < 0:
        return Message(
            "The process that made it was ended from outside (signal %(signal)s); that happens "
            "when the machine runs out of memory. Ask for it again, or for fewer posts at once.",
            signal=-code,
        )
    return Message("The process that made it ended without a word; the log of the pages says more.")


ERROR_TYPES: dict[str, type[SfmError]] = {
    error.__name__: error for error in (NoRoom, CountMismatch, FileGone, WrongInput, NotFound)
}


@dataclass(frozen=True)
class WorkerTask:
    """What is sent to the process: the request, the target, the database, and for which process."""

    request: ExportRequest
    target: Path
    database: str
    for_pid: int

    def as_line(self) -> bytes:
        """One line, for the other's standard input: it holds the database's password."""
        values = {
            "criteria": self.request.criteria.as_json(),
            "layout": self.request.layout.as_json(),
            "about": asdict(self.request.about),
            "keep_free_mb": self.request.keep_free_mb,
            "reader_id": self.request.reader_id,
            "replaces_target": self.request.replaces_target,
            "target": str(self.target.absolute()),
            "database": self.database,
            "for_pid": self.for_pid,
        }
        return json.dumps(values).encode() + b"\n"


def decode_task(line: bytes) -> WorkerTask:
    """The task out of `as_line`."""
    values = json.loads(line)
    request = ExportRequest(
        criteria_from(values["criteria"]),
        layout_from(values["layout"]),
        About(**values["about"]),
        values["keep_free_mb"],
        values["reader_id"],
        values["replaces_target"],
    )
    return WorkerTask(request, Path(values["target"]), values["database"], values["for_pid"])


def encode_progress(done: int, total: int | None) -> dict[str, Any]:
    """Rows done and in all."""
    return {"done": done, "total": total}


def encode_result(result: ExportResult) -> dict[str, Any]:
    """What is known of the finished export, but for its summary: the README has that."""
    facts = result.facts
    values = {
        "size_bytes": result.size_bytes,
        "sha256": result.sha256,
        "rows_read": facts.rows_read,
        "rows_written": facts.rows_written,
        "left_out": facts.left_out,
        "changes": facts.changes,
        "warnings": [pack(warning) for warning in facts.warnings],
        "read_at": facts.read_at.isoformat(),
        "removals_version": result.removals_version,
    }
    return {"result": values}


def decode_result(values: dict[str, Any], target: Path) -> ExportResult:
    """The result out of `encode_result`; gaps, runs and the summary stay in the other process."""
    facts = ExportFacts(
        rows_read=values["rows_read"],
        rows_written=values["rows_written"],
        left_out=values["left_out"],
        changes=values["changes"],
        warnings=tuple(map(unpack, values["warnings"])),
        summary=Summary(),
        read_at=clock.parse_iso(values["read_at"]),
    )
    return ExportResult(
        target, values["size_bytes"], values["sha256"], facts, values["removals_version"]
    )


def encode_error(exc: SfmError) -> dict[str, Any]:
    """Why there is no export, in words for people."""
    return {"error": type(exc).__name__, "message": pack(exc.message)}


def decode_error(message: dict[str, Any]) -> SfmError:
    """The error out of `encode_error`."""
    return ERROR_TYPES.get(message["error"], SfmError)(unpack(message["message"]))
