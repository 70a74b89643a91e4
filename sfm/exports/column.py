"""What a column of a table export is, and the usual ways to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

ColumnType = Literal["id", "integer", "number", "boolean", "moment", "day", "text", "list"]
Cell = str | int | float | bool | list[str] | None
Row = tuple[Cell, ...]

TYPE_WORDS: dict[ColumnType, str] = {
    "id": "id, up to 19 digits, as text",
    "integer": "whole number",
    "number": "number with decimals",
    "boolean": "True or False",
    "moment": "date and time in UTC, ISO 8601",
    "day": "date in UTC, MM/DD/YYYY",
    "text": "text",
    "list": "several texts",
}
COMPANION_SUFFIX = "_as_text"
COMPANION_MARK = "id:"


@dataclass(frozen=True)
class Column:
    """One column. `value` makes the cell of a stored tweet that has the fields in `needs`.

    `always` says that every tweet has it, so that an empty cell is worth a warning;
    `suspect_after` is the number of rows after which nothing but empty cells is one (0: never).
    """

    name: str
    title: str
    type: ColumnType
    description: str
    needs: tuple[str, ...]
    value: Callable[[Any], Cell]
    always: bool = False
    suspect_after: int = 0
    separator: str = ", "  # of a list, where the format knows no lists

    @property
    def type_in_words(self) -> str:
        """What the cells hold, for the data dictionary."""
        if self.type != "list":
            return TYPE_WORDS[self.type]
        between = "blanks" if self.separator == " " else f"“{self.separator.strip()}”"
        return f"{TYPE_WORDS['list']}, {between} between them (a true list in Parquet)"


def by_id(field: str) -> Callable[[Any], Cell]:
    read = attrgetter(field)

    def value(tweet: Any) -> Cell:
        found = read(tweet)
        return None if found is None else str(found)

    return value


def plain(field: str) -> Callable[[Any], Cell]:
    read: Callable[[Any], Cell] = attrgetter(field)
    return read


def column(
    name: str,
    type: ColumnType,
    title: str,
    description: str,
    *,
    field: str = "",
    value: Callable[[Any], Cell] | None = None,
    needs: tuple[str, ...] = (),
    **more: Any,
) -> Column:
    field = field or name
    if value is None:
        value = by_id(field) if type == "id" else plain(field)
    return Column(name, title, type, description, needs or (field,), value, **more)
