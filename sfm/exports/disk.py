"""Room on the disk: asked before an export begins and watched while it is written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sfm.errors import SfmError
from sfm.exports.format import Layout

MEGABYTE = 1_000_000

# Bytes a row takes, generously: figures of real tweets, the extended columns at three times.
_BYTES_PER_ROW = {
    "csv": 450, "tsv": 450, "xlsx": 220, "json": 4500, "v1json": 5000, "ids": 20, "parquet": 250,
}  # fmt: skip
_CLASSIC_COLUMNS = 20
_PACKED = {"none": 1.0, "gzip": 0.5, "zip": 1.5, "bag": 1.5}
_RAW_JSON_PACKED = 900


class NoRoom(SfmError):
    """The disk has no room for this export; nothing of it is kept."""


def expected_bytes(layout: Layout, rows: int) -> int:
    """What so many rows may take on the disk while they are written and packed."""
    each = _BYTES_PER_ROW[layout.format] * _PACKED[layout.packing]
    columns = len(layout.table_columns)
    if columns > _CLASSIC_COLUMNS:
        each *= min(3.0, columns / _CLASSIC_COLUMNS)
    if layout.packing == "bag":
        each += 2 * _RAW_JSON_PACKED
    return int(each * rows)


def check_room(folder: Path, needed_bytes: int, keep_free_mb: int) -> None:
    """Raises NoRoom unless so much may be written and `keep_free_mb` stay free."""
    free = shutil.disk_usage(folder).free
    if free - needed_bytes < keep_free_mb * MEGABYTE:
        raise NoRoom(
            f"This export needs about {in_mb(needed_bytes)} in {folder}, and {keep_free_mb} MB "
            f"must stay free; there are {in_mb(free)}. Free some room, choose fewer columns or a "
            "shorter time, or ask for ids only."
        )


def in_mb(size_bytes: int) -> str:
    """A size in whole megabytes, at least one."""
    return f"{max(1, round(size_bytes / MEGABYTE)):,} MB"


@contextmanager
def describe_full_disk() -> Iterator[None]:
    """Turns the system's word for a full disk into NoRoom."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom(
                "The disk became full while the export was written. Nothing of it is kept; free "
                "some room and ask for it again."
            ) from exc
        raise
