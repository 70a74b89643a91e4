"""Where stored posts go in: rows are made of them and written in the format asked for.

Nothing here is renamed to a final name: the caller does so when all is well.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sfm.exports.columns.column import Column, needed_fields, rows_maker
from sfm.exports.format import Layout
from sfm.exports.writers.csv_writer import CsvOptions, CsvWriter
from sfm.exports.writers.line_writer import LineWriter
from sfm.exports.writers.text_rules import TextChanges
from sfm.messages import Message, PluralMessage
from sfm.networks.record import Unreadable

GZIP_LEVEL = 6


class Writer(Protocol):
    """What every writer can do."""

    rows: int
    changes: TextChanges

    def write(self, rows: Sequence[Any]) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True)
class WrittenOutput:
    """What was written: rows, what had to be changed in them, and columns to look at."""

    rows: int
    left_out: dict[str, int]
    changes: dict[str, int]
    warnings: tuple[str, ...]


class Output:
    """One export on its way to `path`: a file, or for Parquet a folder that must exist."""

    def __init__(self, layout: Layout, path: Path) -> None:
        self.layout = layout
        self.columns = layout.table_columns
        self.left_out: dict[str, int] = {}
        self._path = path
        self._watch = EmptyColumnCheck(self.columns)
        self._file: BinaryIO | None = None
        self._gzip: BinaryIO | None = None
        self._writer = self._open()
        self._rows_of: Callable[[Sequence[Any]], list[Any]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The stored fields that the rows are made of."""
        if self.columns:
            return needed_fields(self.columns)
        return ("twitter_id",) if self.layout.format == "ids" else ("item_json",)

    def begin(self, fields: Sequence[str]) -> None:
        """Say which fields the posts have that will come, in their order: its own and others."""
        self._rows_of = self._rows_function(fields)

    @property
    def folder(self) -> Path:
        """The folder that is being written into."""
        return self._path.parent

    def write(self, posts: Sequence[Any]) -> int:
        """Write a batch of stored posts; how many became rows."""
        rows = self._rows_of(posts) if posts else []
        if rows:
            self._watch.look(rows)
            self._writer.write(rows)
        return len(rows)

    def finish(self) -> WrittenOutput:
        """Write the rest, and see to it that the disk has it all."""
        self._writer.finish()
        self.close()
        return WrittenOutput(
            self._writer.rows,
            dict(self.left_out),
            self._writer.changes.as_dict(),
            self._watch.warnings(),
        )

    def close(self) -> None:
        """Close the file, synced. Also after trouble; may be called again."""
        if self._gzip is not None:
            self._gzip.close()
        if self._file is not None and not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _open(self) -> Writer:
        if self.layout.format == "parquet":
            # Takes 0.2 s and 60 MB to import.
            from sfm.exports.writers.parquet_writer import ParquetWriter

            return ParquetWriter(self._path, self.columns)
        self._file = sink = open(self._path, "wb")
        if self.layout.packing == "gzip":
            self._gzip = sink = gzip.GzipFile(  # type: ignore[assignment]
                filename="", fileobj=self._file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0
            )
        if self.layout.format == "xlsx":
            from sfm.exports.writers.xlsx_writer import XlsxWriter

            return XlsxWriter(sink, self.columns, keep_line_breaks=self.layout.keep_line_breaks)
        if self.columns:
            return CsvWriter(sink, self.columns, csv_options(self.layout))
        return LineWriter(sink)

    def _rows_function(self, fields: Sequence[str]) -> Callable[[Sequence[Any]], list[Any]]:
        if self.columns:
            return rows_maker(self.columns, fields, lists=self.layout.format == "parquet")
        if self.layout.format == "ids":
            return lambda posts: [str(post.twitter_id) for post in posts]
        if self.layout.format == "v1json":
            return self._as_v1_lines
        return lambda posts: [post.item_json for post in posts]

    def _as_v1_lines(self, posts: Sequence[Any]) -> list[str]:
        from sfm.twitter.parse.to_v1 import as_v1_line

        lines = []
        for post in posts:
            try:
                lines.append(as_v1_line(post.item_json.encode()).decode())
            except Unreadable:
                reason = Message("cannot be given the shape of v1.1")
                self.left_out[reason] = self.left_out.get(reason, 0) + 1
        return lines


def csv_options(layout: Layout) -> CsvOptions:
    """The options of a CSV or TSV file."""
    return CsvOptions(
        delimiter="\t" if layout.format == "tsv" else ",",
        excel_mark=layout.excel_mark,
        keep_line_breaks=layout.keep_line_breaks,
        guard_formulas=layout.guard_formulas,
    )


class EmptyColumnCheck:
    """Looks at all rows: which columns ever held something, and how often a sure one did not."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._rows = 0
        self._columns = columns
        self._never_filled = set(range(len(columns)))
        self._always = [place for place, column in enumerate(columns) if column.always]
        self._empty = dict.fromkeys(self._always, 0)

    def look(self, rows: Sequence[Any]) -> None:
        """Take a batch of rows into account."""
        if not self._columns:
            return
        self._rows += len(rows)
        for place in list(self._never_filled):
            if any(row[place] not in (None, "", []) for row in rows):
                self._never_filled.discard(place)
        for place in self._always:
            self._empty[place] += sum([row[place] in (None, "") for row in rows])

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each column that is empty, or partly so, against all expectation."""
        sentences = (self._warning(*numbered) for numbered in enumerate(self._columns))
        return tuple(sentence for sentence in sentences if sentence)

    def _warning(self, place: int, column: Column) -> Message | None:
        after = 1 if column.always else column.suspect_after
        if place in self._never_filled and after and self._rows >= after:
            return PluralMessage(
                "The column %(name)s is empty in the only row.",
                "The column %(name)s is empty in all %(num)s rows.",
                self._rows,
                name=column.name,
            )
        if self._empty.get(place):
            return Message(
                "The column %(name)s is empty in %(place)s of %(rows)s rows; every post should "
                "have it.",
                name=column.name,
                place=f"{self._empty[place]:,}",
                rows=f"{self._rows:,}",
            )
        return None
