"""Parquet files, typed and parted by month, as DuckDB, pandas and Spark read them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sfm.exports.columns.column import Column, ColumnType, Row
from sfm.exports.writers.text_rules import TextChanges, replace_unholdable

ROWS_PER_GROUP = 20_000
OPEN_MONTHS = 24
NO_MONTH = "unknown"
SOFTWARE, SOFTWARE_NAME = b"software", b"Social Feed Manager"  # by which ours are known

# Ids are text: where one is missing, pandas would read the whole column as rounded numbers.
TYPES: dict[ColumnType, pa.DataType] = {
    "id": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "moment": pa.timestamp("ms", tz="UTC"),
    "day": pa.date32(),
    "text": pa.string(),
    "list": pa.list_(pa.string()),
}


class ParquetWriter:
    """Rows in, `month=YYYY-MM/part-N.parquet` files out, in a folder that must exist.

    Lists stay lists: the rows are those of `rows_maker(…, lists=True)`. Without a column
    created_at all rows are in one month called unknown.
    """

    def __init__(self, folder: Path, columns: Sequence[Column]) -> None:
        self.rows = 0
        self.changes = TextChanges()
        self.files: list[Path] = []
        self._folder = folder
        self._columns = columns
        fields = [pa.field(column.name, TYPES[column.type]) for column in columns]
        self._schema = pa.schema(fields, metadata={SOFTWARE: SOFTWARE_NAME})
        names = [column.name for column in columns]
        self._date_place = names.index("created_at") if "created_at" in names else None
        self._waiting: dict[str, list[Row]] = {}
        self._open: OrderedDict[str, Any] = OrderedDict()

    def write(self, rows: Sequence[Row]) -> None:
        """Take a batch of rows; each month's are written when there are enough of them."""
        for row in rows:
            self._waiting.setdefault(self._month(row), []).append(row)
        self.rows += len(rows)
        waiting = sum(map(len, self._waiting.values()))
        if waiting >= ROWS_PER_GROUP:
            for month in list(self._waiting):
                self._write_group(month)

    def finish(self) -> None:
        """Write what is still held back, and close all files."""
        if not self.rows:
            self._waiting[NO_MONTH] = []  # a file with the columns and no rows
        for month in list(self._waiting):
            self._write_group(month)
        while self._open:
            self._open.popitem()[1].close()

    def _month(self, row: Row) -> str:
        moment = row[self._date_place] if self._date_place is not None else None
        return moment[:7] if isinstance(moment, str) and moment else NO_MONTH

    def _write_group(self, month: str) -> None:
        rows = self._waiting.pop(month)
        cells = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        arrays = [
            self._array(column.type, values)
            for column, values in zip(self._columns, cells, strict=True)
        ]
        self._file_of(month).write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def _array(self, kind: ColumnType, values: Sequence[Any]) -> pa.Array:
        if kind == "moment":
            return pa.array([_moment(value) for value in values], TYPES[kind])
        if kind == "day":
            return pa.array([_day(value) for value in values], TYPES[kind])
        try:
            return pa.array(values, TYPES[kind])
        except UnicodeEncodeError:  # a lone surrogate, which UTF-8 does not know
            return pa.array(replace_unholdable(values, self.changes), TYPES[kind])

    def _file_of(self, month: str) -> Any:
        """The month's open file. One month over the limit closes the one used longest ago."""
        if month in self._open:
            self._open.move_to_end(month)
            return self._open[month]
        if len(self._open) == OPEN_MONTHS:
            self._open.popitem(last=False)[1].close()
        folder = self._folder / f"month={month}"
        folder.mkdir(exist_ok=True)
        path = folder / f"part-{len(list(folder.iterdir()))}.parquet"
        self.files.append(path)
        self._open[month] = pq.ParquetWriter(path, self._schema, compression="zstd")
        return self._open[month]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _day(text: str | None) -> date | None:
    if not text:
        return None
    return datetime(int(text[6:]), int(text[:2]), int(text[3:5]), tzinfo=UTC).date()
