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

    `field` names the stored field that already is the cell, and is "" where it must be made;
    `each`, where there is one, makes it of the fields themselves, in the order of `needs`.
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
    each: Callable[..., Cell] | None = None

    @property
    def type_in_words(self) -> str:
        """What the cells hold, for the data dictionary."""
        if self.type != "list":
            return TYPE_WORDS[self.type]
        between = "blanks" if self.separator == " " else f"“{self.separator.strip()}”"
        return f"{TYPE_WORDS['list']}, {between} between them (a true list in Parquet)"


@lru_cache(maxsize=2048)  # several columns ask for the same lists of a batch of tweets
def _decoded(text: str) -> Any:
    return _decode(text)


def items(text: str) -> Any:
    """A stored list out of its JSON text; do not change it."""
    return _decoded(text) if text != "[]" else ()


def _as_boolean(found: Any) -> Cell:
    return None if found is None else bool(found)  # SQLite has numbers for them


def _of_tweet(each: Callable[..., Cell], needs: tuple[str, ...]) -> Callable[[Any], Cell]:
    read = attrgetter(*needs)
    if len(needs) == 1:
        return lambda tweet: each(read(tweet))
    return lambda tweet: each(*read(tweet))


def column(
    name: str,
    type: ColumnType,
    title: str,
    description: str,
    *,
    field: str = "",
    value: Callable[[Any], Cell] | None = None,
    each: Callable[..., Cell] | None = None,
    needs: tuple[str, ...] = (),
    **more: Any,
) -> Column:
    """A column; without `value` or `each`, of the stored field of its own name, or of `field`."""
    source = field or name
    needs = needs or (source,)
    if value is None and each is None:
        each = {"list": items, "boolean": _as_boolean}.get(type)
    if each is not None:
        made = _of_tweet(each, needs)
        return Column(name, title, type, description, needs, made, each=each, **more)
    if value is not None:
        return Column(name, title, type, description, needs, value, **more)
    read: Callable[[Any], Cell] = attrgetter(source)
    return Column(name, title, type, description, needs, read, field=source, **more)
