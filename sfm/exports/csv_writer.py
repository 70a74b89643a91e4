"""CSV and TSV files after RFC 4180: quoted where needed, CRLF, UTF-8, streamed."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sfm.exports.cells import WATCHED_STARTS, Changes, TextRules
from sfm.exports.column import Column, Row

TEXT_TYPES = ("text", "list")


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
        self.changes = Changes()
        self._rules = TextRules(
            guard=options.guard_formulas,
            flatten=not options.keep_line_breaks,
            changes=self.changes,
        )
        self._texts = [place for place, one in enumerate(columns) if one.type in TEXT_TYPES]
        if options.excel_mark:
            file.write(codecs.BOM_UTF8)
        self._out = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._csv = csv.writer(self._out, delimiter=options.delimiter, lineterminator="\r\n")
        self._csv.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Row]) -> None:
        """Write a batch of rows; best some hundreds at a time."""
        if not rows:
            return
        apply = self._rules.apply
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place in self._texts:
            columns[place] = [
                apply(text)
                if text and (text[0] in WATCHED_STARTS or not text.isprintable())
                else text
                for text in columns[place]
            ]
        self._csv.writerows(zip(*columns, strict=True))
        self.rows += len(rows)

    def finish(self) -> None:
        """Write what is still held back; the file stays open."""
        self._out.flush()
        self._out.detach()
