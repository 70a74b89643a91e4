"""An export as it is asked for, and what is known of it when it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sfm import __version__
from sfm.exports.format import Layout
from sfm.exports.request import Criteria
from sfm.exports.summary import Summary


@dataclass(frozen=True)
class About:
    """Who asked, and whose installation this is."""

    asked_by: str
    institution: str = ""
    address: str = ""
    number: int | None = None  # of the export
    restarts: int = 0
    software: str = f"Social Feed Manager {__version__}"


@dataclass(frozen=True)
class ExportRequest:
    """What to make. `reader_id`: who may know what it tells; None is the command line, who may
    know all. `replaces_target`: an earlier export may lie where it goes, and is replaced."""

    criteria: Criteria
    layout: Layout
    about: About
    keep_free_mb: int = 0
    reader_id: int | None = None
    replaces_target: bool = False


@dataclass(frozen=True)
class ExportFacts:
    """The account of a finished export. `read_at` (UTC): the moment whose tweets these are."""

    rows_read: int
    rows_written: int
    left_out: dict[str, int]
    changes: dict[str, int]
    warnings: tuple[str, ...]
    summary: Summary
    read_at: datetime
    gaps: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class ExportResult:
    """A finished export; of a folder, size and SHA-256 are empty. `removals_version`: the state of
    the register of removed posts under which it was read."""

    path: Path
    size_bytes: int
    sha256: str
    facts: ExportFacts = field(repr=False)
    removals_version: int = 0
