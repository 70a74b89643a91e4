"""Keyset pages: a page starts behind a row, not after a count, so that each is equally fast.

The address carries one part, `at`: which way we go and the sort values of the row we come from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_

from sfm import clock
from sfm.database import db
from sfm.errors import WrongInput
from sfm.networks.record import MAX_ID
from sfm.page_token import decode_token, encode_token

Row = TypeVar("Row")
NOT_A_PAGE = "This address does not lead to a page of this list. Go back to the start of the list."
LONGEST_TOKEN = 1000


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """One page of rows, and the tokens of the pages before and behind it (None: no such page)."""

    rows: Sequence[Row]
    back: str | None
    on: str | None


@dataclass(frozen=True)
class SortOrder:
    """A total order: columns that are never NULL, the last of them unique, all the same way.

    `name` goes into the token, so that a token of one order is refused by another.
    """

    name: str
    columns: tuple[Any, ...]
    types: tuple[type, ...]
    descending: bool = False


def slice_of(statement: Select[Any], order: SortOrder, token: str | None, size: int) -> Slice[Any]:
    """The page of `statement` that the token leads to, the first where there is none.

    The statement selects one entity, or an entity first and more columns behind it, and has no
    order of its own; the order's columns must be attributes of that entity or labelled columns.
    Raises WrongInput for a token that is not of this list.
    """
    backwards, values = read_token(order, token) if token else (False, None)
    downwards = order.descending != backwards
    if values is not None:
        row = tuple_(*order.columns)
        place = tuple_(*map(literal, values, (column.type for column in order.columns)))
        statement = statement.where(row < place if downwards else row > place)
    ways = [column.desc() if downwards else column.asc() for column in order.columns]
    keyed = statement.add_columns(*order.columns).order_by(*ways).limit(size + 1)
    rows = db.session.execute(keyed).all()
    more, rows = len(rows) > size, list(rows[:size])
    if backwards:
        rows.reverse()
    return _slice(order, rows, has_back=more if backwards else values is not None,
                  has_on=True if backwards else more)  # fmt: skip


def _slice(order: SortOrder, keyed: list[Any], *, has_back: bool, has_on: bool) -> Slice[Any]:
    width = len(order.columns)
    rows = [row[0] if len(row) == width + 1 else row[:-width] for row in keyed]
    if not keyed:
        return Slice(rows, None, None)
    back = make_token(order, True, keyed[0][-width:]) if has_back else None
    on = make_token(order, False, keyed[-1][-width:]) if has_on else None
    return Slice(rows, back, on)


def make_token(order: SortOrder, backwards: bool, values: Sequence[Any]) -> str:
    """The part of an address that leads to the rows before or behind these values."""
    content = [order.name, "-" if backwards else "+", [_plain(value) for value in values]]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return encode_token(text)


def read_token(order: SortOrder, token: str) -> tuple[bool, list[Any]]:
    """Whether we go backwards, and the values to start from. Raises WrongInput."""
    try:
        if len(token) > LONGEST_TOKEN:
            raise ValueError
        name, way, values = json.loads(decode_token(token))
        if name != order.name or way not in {"+", "-"} or len(values) != len(order.types):
            raise ValueError
        return way == "-", [_typed(v, kind) for v, kind in zip(values, order.types, strict=True)]
    except (ValueError, TypeError, RecursionError) as exc:
        raise WrongInput(NOT_A_PAGE) from exc


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _typed(value: Any, kind: type) -> Any:
    """A value out of a token as what it must be. Raises ValueError or TypeError."""
    if kind is datetime:
        return clock.parse_iso(value)
    if kind is date:
        return date.fromisoformat(value)
    if type(value) is not kind:
        raise TypeError
    if isinstance(value, int) and not -MAX_ID <= value <= MAX_ID:
        raise ValueError
    if isinstance(value, str) and "\x00" in value.encode().decode():  # encode: no lone surrogates
        raise ValueError
    return value
