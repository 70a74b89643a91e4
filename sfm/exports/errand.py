"""What a process and the one that makes an export for it say to each other: lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfm import clock
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.exports.disk import NoRoom
from sfm.exports.format import layout_from
from sfm.exports.readers.open import FileGone
from sfm.exports.request import criteria_from
from sfm.exports.result import About, ExportFacts, ExportRequest, ExportResult
from sfm.exports.summary import Summary
from sfm.exports.tally import CountMismatch

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
