"""CSV and TSV files after RFC 4180: quoted where needed, CRLF, UTF-8, streamed.

Written column by column, in half the time of the csv module, which looks at every cell of every
row for what only texts can hold. A test holds it to that module's bytes.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sfm.exports.columns.column import Column, ColumnType, Row
from sfm.exports.writers.text_rules import WATCHED_STARTS, TextChanges, TextRules

# Digits, points, hyphens, colons and letters: nothing that has to be quoted or guarded.
PLAIN_TYPES: frozenset[ColumnType] = frozenset(
    {"id", "integer", "number", "boolean", "moment", "day"}
)


@dataclass(frozen=True)
class CsvOptions:
    """How a CSV file is written. `excel_mark`: the three bytes by which Excel knows UTF-8."""

    delimiter: str = ","
    excel_mark: bool = False
    keep_line_breaks: bool = False
    guard_formulas: bool = True


class CsvWriter:
    """Rows in, CSV out. `file` must be open for writing bytes, and stays open."""

    def __init__(
        self, file: BinaryIO, columns: Sequence[Column], options: CsvOptions = CsvOptions()
    ) -> None:
        self.rows = 0
        self.changes = TextChanges()
        self._file = file
        self._delimiter = options.delimiter
        self._rules = TextRules(
            guard=options.guard_formulas,
            flatten=not options.keep_line_breaks,
            changes=self.changes,
        )
        self._plain = [column.type in PLAIN_TYPES for column in columns]
        if options.excel_mark:
            file.write(codecs.BOM_UTF8)
        self._write_lines([[self._quoted(column.name)] for column in columns])

    def write(self, rows: Sequence[Row]) -> None:
        """Write a batch of rows; best some hundreds at a time."""
        if not rows:
            return
        self._write_lines(
            [
                self._plain_cells(cells) if plain else self._text_cells(cells)
                for plain, cells in zip(self._plain, zip(*rows, strict=True), strict=True)
            ]
        )
        self.rows += len(rows)

    def finish(self) -> None:
        """Nothing is held back; the file stays open."""

    def _write_lines(self, columns: list[Iterable[str]]) -> None:
        if len(columns) == 1:
            columns = [[text or '""' for text in columns[0]]]  # else it would be an empty line
        lines = map(self._delimiter.join, zip(*columns, strict=True))
        self._file.write("\r\n".join([*lines, ""]).encode())

    def _plain_cells(self, cells: Sequence[Any]) -> Iterable[str]:
        return ["" if cell is None else str(cell) for cell in cells]

    def _text_cells(self, texts: Sequence[Any]) -> Iterable[str]:
        delimiter, write = self._delimiter, self._text
        return [
            text
            if not text
            or (
                text.isprintable()
                and delimiter not in text
                and '"' not in text
                and text[0] not in WATCHED_STARTS
            )
            else write(text)
            for text in [text or "" for text in texts]
        ]

    def _text(self, text: str) -> str:
        return self._quoted(self._rules.apply(text))

    def _quoted(self, text: str) -> str:
        if '"' in text:
            return '"' + text.replace('"', '""') + '"'
        if self._delimiter in text or "\n" in text or "\r" in text:
            return f'"{text}"'
        return text
