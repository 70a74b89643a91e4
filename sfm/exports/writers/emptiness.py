"""Columns that stay empty where they should not: the sign that something upstream has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sfm.exports.columns.column import Column


class EmptinessWatch:
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
        found = []
        for place, column in enumerate(self._columns):
            after = 1 if column.always else column.suspect_after
            if place in self._never_filled and after and self._rows >= after:
                found.append(f"The column {column.name} is empty in all {self._rows:,} rows.")
            elif self._empty.get(place):
                found.append(
                    f"The column {column.name} is empty in {self._empty[place]:,} of "
                    f"{self._rows:,} rows; every tweet should have it."
                )
        return tuple(found)
