"""The columns of table exports: choosing them, and making rows of stored tweets.

The data dictionary of a package, of the docs and of the app is made from these definitions and
from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sfm.errors import WrongInput
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.columns.column import COMPANION_MARK, COMPANION_SUFFIX, Cell, Column, Row
from sfm.exports.columns.extended import EXTENDED

ALL: dict[str, Column] = {column.name: column for column in (*CLASSIC, *EXTENDED)}
SETS: dict[str, tuple[Column, ...]] = {"classic": CLASSIC, "extended": (*CLASSIC, *EXTENDED)}


CellsMaker = Callable[[Sequence[Any], Sequence[Any]], Iterable[Cell]]


def choose(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of these names, in their order; a set's name stands for all of its columns.

    Raises WrongInput for an unknown name, for none at all, and for one named twice.
    """
    chosen: list[Column] = []
    for name in names:
        found = SETS.get(name) or (ALL[name],) if name in SETS or name in ALL else None
        if found is None:
            raise WrongInput(f"There is no column “{name}”. The data dictionary lists them all.")
        chosen += [column for column in found if column not in chosen or name not in SETS]
    names_chosen = [column.name for column in chosen]
    twice = {name for name in names_chosen if names_chosen.count(name) > 1}
    if twice:
        raise WrongInput(f"The column “{min(twice)}” is named twice.")
    if not chosen:
        raise WrongInput("Choose at least one column.")
    return tuple(chosen)


def with_companions(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, each id followed by a twin that no spreadsheet can take for a number."""
    found: list[Column] = []
    for column in columns:
        found.append(column)
        if column.type == "id":
            found.append(_companion(column))
    return tuple(found)


def _companion(column: Column) -> Column:
    def value(tweet: Any) -> Cell:
        found = column.value(tweet)
        return None if found is None else f"{COMPANION_MARK}{found}"

    return Column(
        name=column.name + COMPANION_SUFFIX,
        title=f"{column.title}, safe in spreadsheets",
        type="text",
        description=f"{column.name} with “{COMPANION_MARK}” before it: spreadsheets take long "
        "numbers in CSV files for numbers and round them.",
        needs=column.needs,
        value=value,
    )


def needed_fields(columns: Iterable[Column]) -> tuple[str, ...]:
    """The stored fields that these columns are made of, each once."""
    return tuple(dict.fromkeys(field for column in columns for field in column.needs))


def rows_maker(
    columns: Sequence[Column], fields: Sequence[str], *, lists: bool = False
) -> Callable[[Sequence[Any]], list[Row]]:
    """A function from a batch of stored tweets with these fields to their rows.

    Lists become one text unless `lists`. It goes column by column, which is faster: those that are
    stored as they are need no work at all.
    """
    makers = [_cells_maker(one, list(fields), lists) for one in columns]

    def rows(tweets: Sequence[Any]) -> list[Row]:
        stored = list(zip(*tweets, strict=True))
        return list(zip(*[cells(tweets, stored) for cells in makers], strict=True))

    return rows


def _cells_maker(column: Column, fields: list[str], lists: bool) -> CellsMaker:
    """A function from a batch of tweets, and from the same field by field, to a column's cells."""
    if column.field:
        place = fields.index(column.field)
        return lambda _tweets, stored: stored[place]
    joined = column.type == "list" and not lists
    if column.each is None:
        value = _joined(column.value, column.separator) if joined else column.value
        return lambda tweets, _stored: map(value, tweets)
    each = _joined(column.each, column.separator) if joined else column.each
    places = [fields.index(name) for name in column.needs]
    return lambda _tweets, stored: map(each, *[stored[place] for place in places])


def _joined(cell: Callable[..., Cell], separator: str) -> Callable[..., Cell]:
    join = separator.join

    def text(*of: Any) -> Cell:
        found: Any = cell(*of)
        return join(found) if found else None

    return text
