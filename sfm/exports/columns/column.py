"""What a column of a table export is, and the usual ways to make one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import msgspec

from sfm.messages import Message

ColumnType = Literal["id", "integer", "number", "boolean", "moment", "day", "text", "list"]
Cell = str | int | float | bool | list[str] | None
Row = tuple[Cell, ...]

TYPE_WORDS: dict[ColumnType, str] = {
    "id": Message("id, up to 19 digits, as text"),
    "integer": Message("whole number"),
    "number": Message("number with decimals"),
    "boolean": Message("True or False"),
    "moment": Message("date and time in UTC, ISO 8601"),
    "day": Message("date in UTC, MM/DD/YYYY"),
    "text": Message("text"),
    "list": Message("several texts"),
}
_decode = msgspec.json.Decoder().decode

COMPANION_SUFFIX = "_as_text"
COMPANION_MARK = "id:"


@dataclass(frozen=True)
class Column:
    """One column. `value` makes the cell of a stored post that has the fields in `needs`.

    `field` names the stored field that already is the cell, and is "" where it must be made;
    `each`, where there is one, makes it of the fields themselves, in the order of `needs`.
    `always` says that every post has it, so that an empty cell is worth a warning;
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
        between = Message("blanks") if self.separator == " " else f"“{self.separator.strip()}”"
        return Message(
            "%(type)s, %(between)s between them (a true list in Parquet)",
            type=TYPE_WORDS["list"],
            between=between,
        )


@lru_cache(maxsize=2048)  # several columns ask for the same lists of a batch of posts
def _decoded(text: str) -> Any:
    return _decode(text)


def items(text: str) -> Any:
    """A stored list out of its JSON text; do not change it."""
    return _decoded(text) if text != "[]" else ()


def each_of(field: str, key: str) -> Callable[[Any], Cell]:
    """The cell of one fact of each entry in a stored list; "" where an entry lacks it."""
    read = attrgetter(field)
    return lambda post: [entry.get(key) or "" for entry in items(read(post))]


def _as_boolean(stored: Any) -> Cell:
    return None if stored is None else bool(stored)  # SQLite has numbers for them


def _of_post(each: Callable[..., Cell], needs: tuple[str, ...]) -> Callable[[Any], Cell]:
    read = attrgetter(*needs)
    if len(needs) == 1:
        return lambda post: each(read(post))
    return lambda post: each(*read(post))


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
    needs = needs or (field or name,)
    if value is None and each is None:
        each = {"list": items, "boolean": _as_boolean}.get(type)
    if each is not None:
        more, value = {**more, "each": each}, _of_post(each, needs)
    elif value is None:
        more, value = {**more, "field": field or name}, attrgetter(field or name)
    return Column(name, title, type, description, needs, value, **more)


CellsMaker = Callable[[Sequence[Any], Sequence[Any]], Iterable[Cell]]


def needed_fields(columns: Iterable[Column]) -> tuple[str, ...]:
    """The stored fields that these columns are made of, each once."""
    return tuple(dict.fromkeys(field for column in columns for field in column.needs))


def rows_maker(
    columns: Sequence[Column], fields: Sequence[str], *, lists: bool = False
) -> Callable[[Sequence[Any]], list[Row]]:
    """A function from a batch of stored posts with these fields to their rows.

    Lists become one text unless `lists`. It goes column by column, which is faster: those that are
    stored as they are need no work at all.
    """
    makers = [_cells_maker(column, list(fields), lists) for column in columns]

    def rows(posts: Sequence[Any]) -> list[Row]:
        stored = list(zip(*posts, strict=True))
        return list(zip(*[cells(posts, stored) for cells in makers], strict=True))

    return rows


def _cells_maker(column: Column, fields: list[str], lists: bool) -> CellsMaker:
    """A function from a batch of posts, and from the same field by field, to a column's cells."""
    if column.field:
        place = fields.index(column.field)
        return lambda _posts, stored: stored[place]
    joined = column.type == "list" and not lists
    if column.each is None:
        value = _joined(column.value, column.separator) if joined else column.value
        return lambda posts, _stored: map(value, posts)
    each = _joined(column.each, column.separator) if joined else column.each
    places = [fields.index(name) for name in column.needs]
    return lambda _posts, stored: map(each, *[stored[place] for place in places])


def _joined(cell: Callable[..., Cell], separator: str) -> Callable[..., Cell]:
    join, sign = separator.join, separator.strip()

    def text(*of: Any) -> Cell:
        texts: Any = cell(*of)
        if not texts:
            return None
        return join([part.replace(sign, f"\\{sign}") for part in texts] if sign == "|" else texts)

    return text
