"""Reading payloads: fast where they are as X describes them, patient where they are not.

The fast way is one typed pass by msgspec. It refuses what real archives do hold: fields of another
type, lone surrogates, integers of any length. Those few are read again field by field, and what
does not fit falls to None.
"""

from __future__ import annotations

import json
import math
import threading
import types
import typing
from functools import cache
from typing import Any, TypeVar

import msgspec

from sfm.messages import Message
from sfm.networks.record import MAX_ID, Unreadable
from sfm.twitter.parse.payload_types import Count

S = TypeVar("S", bound=msgspec.Struct)

_MAX_DEPTH = 6  # a retweet of a quote of a reply, and some to spare
_MAX_DIGITS = 25  # digits; ids have 19
_NUL = b"\\u0000"


_decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}
_building = threading.Lock()


def decode(line: bytes, shape: type[S]) -> S:
    """These bytes as this shape. Raises Unreadable where they are not one JSON object."""
    if _NUL not in line:
        try:
            decoded: S = _decoder(shape).decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return fit(loads(line), shape)
        return decoded
    return fit(loads(line), shape)


def _decoder(shape: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(shape)
    if decoder is None:
        # msgspec 0.22 lets other threads see what it knows of a shape while that is half built,
        # and a thread that decodes by it crashes the process: so one builds at a time.
        with _building:
            decoder = _decoders.setdefault(shape, msgspec.json.Decoder(shape))
    return decoder


def loads(line: bytes) -> dict[str, Any]:
    """One JSON object as plain Python values, texts cleaned. Raises Unreadable."""
    if not line.strip():
        raise Unreadable("empty", Message("There is nothing on this line."))
    try:
        value = json.loads(line.decode("utf-8", "replace"), parse_int=_integer)
    except RecursionError:
        raise Unreadable(
            "too_deep", Message("This is nested far too deep to be a tweet.")
        ) from None
    except ValueError:
        raise Unreadable("not_json", Message("This is not JSON, or was cut off.")) from None
    if not isinstance(value, dict):
        raise Unreadable("not_a_post", Message("This is JSON, but not a post."))
    return value


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def clean(text: str) -> str:
    """The text with NUL and lone surrogates replaced, so that every database and file takes it."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if any("\ud800" <= character <= "\udfff" for character in text):
        # A pair of surrogates is one character that was written in two halves.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def fit(value: dict[str, Any], shape: type[S], depth: int = 0) -> S:
    """As much of this object as fits the shape; the rest is None."""
    fields: dict[str, Any] = {}
    for name, (kinds, items) in _plan(shape).items():
        member = value.get(name)
        if member is not None:
            fields[name] = _value(member, kinds, items, depth)
    return shape(**fields)


@cache
def _plan(shape: type[msgspec.Struct]) -> dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """For each field, the types it may have, and of a list's items the same."""
    hints = typing.get_type_hints(shape, include_extras=True)
    return {name: _kinds(hint) for name, hint in hints.items() if not name.startswith("__")}


def _kinds(hint: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    # `Annotated[int, …] | None` is a typing.Union before Python 3.14; `int | None` is not.
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    choices = typing.get_args(hint) if union else (hint,)
    plain = tuple(choice for choice in choices if isinstance(choice, type) or choice == Count)
    lists = [choice for choice in choices if typing.get_origin(choice) is list]
    return plain, typing.get_args(lists[0]) if lists else ()


def _value(member: Any, kinds: tuple[Any, ...], items: tuple[Any, ...], depth: int) -> Any:
    if items and isinstance(member, list):
        fitted = (_value(item, items, (), depth) for item in member)
        return [item for item in fitted if item is not None]
    for kind in kinds:
        fitted_member = _scalar(member, kind, depth)
        if fitted_member is not None:
            return fitted_member
    return None


def _scalar(member: Any, kind: Any, depth: int) -> Any:
    if kind is str:
        return _text(member)
    if kind is bool:
        return member if isinstance(member, bool) else None
    if kind is int:
        return _number(member)
    if kind == Count:
        return _count(member)
    if kind is float:
        return _decimal(member)
    if issubclass(kind, msgspec.Struct) and isinstance(member, dict) and depth < _MAX_DEPTH:
        return fit(member, kind, depth + 1)
    return None


def _text(member: Any) -> str | None:
    if isinstance(member, str):
        return clean(member)
    return str(member) if isinstance(member, int) and not isinstance(member, bool) else None


def _number(member: Any) -> int | None:
    if isinstance(member, str) and member.isascii() and member.isdigit() and len(member) < 20:
        return int(member)
    return member if isinstance(member, int) and not isinstance(member, bool) else None


def _count(member: Any) -> int | None:
    """A number, or the text that old tweets have for retweets: "100+" is 100."""
    number = _number(member.removesuffix("+") if isinstance(member, str) else member)
    return number if number is not None and abs(number) <= MAX_ID else None


def _decimal(member: Any) -> float | None:
    if isinstance(member, bool) or not isinstance(member, int | float):
        return None
    try:
        number = float(member)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
