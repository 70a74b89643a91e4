"""Short ways to make an export in a test and to read what came out."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sfm.exports.build import build_export, no_watch
from sfm.exports.format import Layout
from sfm.exports.request import Criteria, ExportRequest
from sfm.exports.result import ExportResult
from sfm.posts.selection import Selection
from tests.exports.conftest import ABOUT


def made(
    target: Path,
    criteria: Criteria | None = None,
    watch: Callable[[int, int | None], None] = no_watch,
    reader_id: int | None = None,
    replaces: bool = False,
    **layout: Any,
) -> ExportResult:
    layout.setdefault("packing", "none")
    what = (criteria or Criteria(), Layout(**layout), ABOUT)
    order = ExportRequest(*what, reader_id=reader_id, replaces_target=replaces)
    return build_export(order, target, watch)


def of(**selection: Any) -> Criteria:
    return Criteria(Selection.from_args(selection))


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def names_in(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
