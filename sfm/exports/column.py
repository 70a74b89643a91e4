"""What a column of a table export is, and the usual ways to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import msgspec

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
_decode = msgspec.json.Decoder().decode

COMPANION_SUFFIX = "_as_text"
COMPANION_MARK = "id:"


@dataclass(frozen=True)
class Column:
    """One column. `value` makes the cell of a stored tweet that has the fields in `needs`.

    `field` names the stored field that already is the cell, and is "" where it must be made.
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
    field: str = ""

    @property
    def type_in_words(self) -> str:
        """What the cells hold, for the data dictionary."""
        if self.type != "list":
            return TYPE_WORDS[self.type]
        between = "blanks" if self.separator == " " else f"“{self.separator.strip()}”"
        return f"{TYPE_WORDS['list']}, {between} between them (a true list in Parquet)"


@lru_cache(maxsize=64)  # the columns of one tweet ask for the same list one after the other
def _decoded(text: str) -> Any:
    return _decode(text)


def items(text: str) -> Any:
    """A stored list out of its JSON text; do not change it."""
    return _decoded(text) if text != "[]" else ()


def _list_in(field: str) -> Callable[[Any], Cell]:
    read = attrgetter(field)
    return lambda tweet: items(read(tweet))


def _boolean_in(field: str) -> Callable[[Any], Cell]:
    read = attrgetter(field)

    def value(tweet: Any) -> Cell:
        found = read(tweet)
        return None if found is None else bool(found)  # SQLite has numbers for them

    return value


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
    """A column; without `value`, of the stored field of its own name, or of `field`."""
    source = field or name
    if value is not None:
        return Column(name, title, type, description, needs or (source,), value, **more)
    makers = {"list": _list_in, "boolean": _boolean_in}
    if type in makers:
        made = makers[type](source)
        return Column(name, title, type, description, (source,), made, **more)
    read: Callable[[Any], Cell] = attrgetter(source)
    return Column(name, title, type, description, (source,), read, field=source, **more)
