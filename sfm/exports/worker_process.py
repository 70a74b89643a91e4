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
from sfm.exports.request import criteria_from
from sfm.exports.result import About, ExportFacts, ExportRequest, ExportResult, Summary
from sfm.extensions import settings
from sfm.messages import Message

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
            raise WorkerDied(Message("It failed unexpectedly; the log of the pages says how."))
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
        return Message(
            "The process that made it was ended from outside (signal %(signal)s); that happens "
            "when the machine runs out of memory. Ask for it again, or for fewer tweets at once.",
            signal=-code,
        )
    return Message("The process that made it ended without a word; the log of the pages says more.")


TROUBLES: dict[str, type[SfmError]] = {
    one.__name__: one for one in (NoRoom, CountMismatch, FileGone, WrongInput, NotFound)
}


@dataclass(frozen=True)
class WorkerTask:
    """What is sent along: the order, where to, out of which database, and for which process."""

    order: ExportRequest
    target: Path
    database: str
    for_pid: int

    def as_line(self) -> bytes:
        """One line, for the other's standard input: it holds the database's password."""
        values = {
            "criteria": self.order.criteria.as_json(),
            "layout": self.order.layout.as_json(),
            "about": asdict(self.order.about),
            "keep_free_mb": self.order.keep_free_mb,
            "reader_id": self.order.reader_id,
            "replaces_target": self.order.replaces_target,
            "target": str(self.target.absolute()),
            "database": self.database,
            "for_pid": self.for_pid,
        }
        return json.dumps(values).encode() + b"\n"


def decode_task(line: bytes) -> WorkerTask:
    """The errand out of `as_line`."""
    values = json.loads(line)
    order = ExportRequest(
        criteria_from(values["criteria"]),
        layout_from(values["layout"]),
        About(**values["about"]),
        values["keep_free_mb"],
        values["reader_id"],
        values["replaces_target"],
    )
    return WorkerTask(order, Path(values["target"]), values["database"], values["for_pid"])


def encode_progress(done: int, total: int | None) -> dict[str, Any]:
    """Rows done and in all."""
    return {"done": done, "total": total}


def encode_result(product: ExportResult) -> dict[str, Any]:
    """What is known of the finished export, but for its summary: the README has that."""
    facts = product.facts
    told = {
        "size_bytes": product.size_bytes,
        "sha256": product.sha256,
        "rows_read": facts.rows_read,
        "rows_written": facts.rows_written,
        "left_out": facts.left_out,
        "changes": facts.changes,
        "warnings": list(facts.warnings),
        "read_at": facts.read_at.isoformat(),
        "removals_version": product.removals_version,
    }
    return {"product": told}


def decode_result(told: dict[str, Any], target: Path) -> ExportResult:
    """The product out of `product_said`; gaps, runs and the summary stay with its maker."""
    facts = ExportFacts(
        rows_read=told["rows_read"],
        rows_written=told["rows_written"],
        left_out=told["left_out"],
        changes=told["changes"],
        warnings=tuple(told["warnings"]),
        summary=Summary(),
        read_at=clock.parse_iso(told["read_at"]),
    )
    return ExportResult(target, told["size_bytes"], told["sha256"], facts, told["removals_version"])


def encode_error(exc: SfmError) -> dict[str, Any]:
    """Why there is no export, in words for people."""
    return {"trouble": type(exc).__name__, "message": exc.message}


def decode_error(told: dict[str, Any]) -> SfmError:
    """The error out of `trouble_said`."""
    return TROUBLES.get(told["trouble"], SfmError)(told["message"])
