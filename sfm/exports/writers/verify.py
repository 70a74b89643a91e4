"""Counts the rows of a finished file again, without the code that wrote it."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sfm.exports.errors import CountMismatch
from sfm.exports.format import Layout
from sfm.messages import Message

CHUNK_BYTES = 1 << 20
_ROW = re.compile(rb'<row r="\d+">')


def count_rows(layout: Layout, path: Path) -> int:
    """How many rows the file holds (Parquet: all files of the folder), the heading not counted."""
    if layout.format == "parquet":
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(file).num_rows for file in path.rglob("*.parquet"))
    with open(path, "rb") as plain:
        file: BinaryIO = gzip.GzipFile(fileobj=plain) if layout.packing == "gzip" else plain  # type: ignore[assignment]
        if layout.format == "xlsx":
            return _sheet_rows(file)
        if layout.kind.is_table:
            return _records(file) - 1
        return sum(chunk.count(b"\n") for chunk in _chunks(file))


def _records(file: BinaryIO) -> int:
    """Line ends of a CSV file that are not inside quotes: those at an even number of quotes."""
    count = 0
    outside = True
    rest = b""  # a CR whose LF may come with the next chunk
    for chunk in _chunks(file):
        for number, part in enumerate((rest + chunk).split(b'"')):
            outside = not outside if number else outside
            count += part.count(b"\r\n") if outside else 0
        rest = b"\r" if outside and part.endswith(b"\r") else b""
    return count


def _sheet_rows(file: BinaryIO) -> int:
    """Rows of all sheets, less one heading for each."""
    count = 0
    with zipfile.ZipFile(file) as book:
        for name in book.namelist():
            if name.startswith("xl/worksheets/"):
                with book.open(name) as sheet:
                    count += _starts(sheet) - 1  # type: ignore[arg-type]
    return count


def _starts(sheet: BinaryIO) -> int:
    count = 0
    rest = b""
    for chunk in _chunks(sheet):
        text = rest + chunk
        ends = [match.end() for match in _ROW.finditer(text)]
        count += len(ends)
        rest = text[max(ends[-1] if ends else 0, len(text) - 40) :]  # may hold half a start
    return count


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def verify_counts(read: int, written: int, left_out: int, counted: int) -> None:
    """Raises CountMismatch unless every row is accounted for and stands in the file."""
    if read != written + left_out:
        raise CountMismatch(
            Message(
                "%(read)s rows were read, but %(written)s written and %(left_out)s left out: that "
                "does not add up. The file is not kept. Please report this with the export's "
                "number.",
                read=f"{read:,}",
                written=f"{written:,}",
                left_out=f"{left_out:,}",
            )
        )
    _verify_file(written, counted)


def _verify_file(written: int, counted: int) -> None:
    if counted != written:
        raise CountMismatch(
            Message(
                "%(written)s rows were written, but the file holds %(counted)s. It is not kept: "
                "the disk may have failed. Try again, and tell the system's administrator.",
                written=f"{written:,}",
                counted=f"{counted:,}",
            )
        )
