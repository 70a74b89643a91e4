"""Taking an answer apart without changing a byte of its parts.

msgspec hands out parts as they are, fast; it refuses bodies with a lone surrogate escape, so these
are walked with the standard library's scanner, which tells where each value ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sfm.messages import Message
from sfm.networks.record import Unreadable

_MAX_DIGITS = 25  # digits; Python refuses to make an int of more than 4,300
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass
class AnswerParts:
    """The elements of an answer, as received, and what stands around them.

    `elements` is None where there is neither a list nor `data`; `single` says that the whole body
    is one record already.
    """

    elements: list[bytes] | None = None
    single: bool = False
    is_v1: bool = False
    includes: dict[str, list[bytes]] = field(default_factory=dict)
    meta: bytes = b"{}"
    errors: Any = None


_ABSENT = msgspec.Raw()


class _Outline(msgspec.Struct):
    # Not `Raw | None`: in such a union msgspec 0.22 takes nothing but null.
    data: msgspec.Raw = _ABSENT
    statuses: msgspec.Raw = _ABSENT
    includes: dict[str, list[msgspec.Raw]] | None = None
    meta: msgspec.Raw = _ABSENT
    errors: Any = None


_outline = msgspec.json.Decoder(_Outline)
_list = msgspec.json.Decoder(list[msgspec.Raw])


def take_apart(body: bytes) -> AnswerParts:
    """The parts of one answer. Raises Unreadable where it is not JSON at all."""
    body = body.strip()
    try:
        return _fast(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _slowly(body.decode("utf-8", "surrogateescape"))
    except RecursionError:
        raise Unreadable(
            "too_deep", Message("This is nested far too deep to be an answer.")
        ) from None
    except ValueError:
        raise Unreadable("not_json", Message("This is not JSON, or was cut off.")) from None


def _fast(body: bytes) -> AnswerParts:
    if body.startswith(b"["):
        return AnswerParts([bytes(raw) for raw in _list.decode(body)], is_v1=True)
    outline = _outline.decode(body)
    statuses, data, meta = bytes(outline.statuses), bytes(outline.data), bytes(outline.meta)
    parts = AnswerParts(errors=outline.errors)
    if statuses.startswith(b"["):
        parts.is_v1, parts.elements = True, [bytes(raw) for raw in _list.decode(statuses)]
    elif data not in (b"", b"null"):
        _set_data(parts, data, lambda data: map(bytes, _list.decode(data)))
    elif meta or outline.errors is not None:
        parts.elements = []
    if outline.includes:
        parts.includes = {
            kind: [bytes(raw) for raw in raws] for kind, raws in outline.includes.items()
        }
    parts.meta = meta or b"{}"
    return parts


def _set_data(parts: AnswerParts, data: bytes, cut: Any) -> None:
    parts.single = not data.startswith(b"[")
    parts.elements = [data] if parts.single else list(cut(data))


def _slowly(text: str) -> AnswerParts:
    if text.startswith("["):
        return AnswerParts(_cut_list(text), is_v1=True)
    if not text.startswith("{"):
        _value(text)
        raise Unreadable("not_a_post", Message("This is JSON, but not a post."))
    members = dict(_members(text))
    parts = AnswerParts(errors=_value(members.get("errors", "null")))
    if members.get("statuses", "").startswith("["):
        parts.is_v1, parts.elements = True, _cut_list(members["statuses"])
    elif members.get("data", "null") != "null":
        _set_data(parts, _bytes(members["data"]), lambda _data: _cut_list(members["data"]))
    elif "meta" in members or "errors" in members:
        parts.elements = []
    for kind, value in _members(members.get("includes", "{}")):
        if value.startswith("["):
            parts.includes[kind] = _cut_list(value)
    parts.meta = _bytes(members.get("meta", "{}"))
    return parts


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


_DECODER = json.JSONDecoder(parse_int=_integer)


def _value(text: str) -> Any:
    return _DECODER.decode(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Key and value text of each member of this object. Raises ValueError."""
    if not text.startswith("{"):
        return
    at = _skip(text, 1)
    while not text.startswith("}", at):
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _expect(text, at, ":"))
        _found, end = _DECODER.raw_decode(text, at)
        yield str(key), text[at:end]
        at = _next(text, end, "}")
    if text[at + 1 :].strip():
        raise ValueError("more follows")


def _cut_list(text: str) -> list[bytes]:
    """The text of each element of this array. Raises ValueError."""
    elements = []
    at = _skip(text, 1)
    while not text.startswith("]", at):
        _element, end = _DECODER.raw_decode(text, at)
        elements.append(_bytes(text[at:end]))
        at = _next(text, end, "]")
    return elements


def _next(text: str, at: int, closing: str) -> int:
    at = _skip(text, at)
    return at if text.startswith(closing, at) else _skip(text, _expect(text, at, ","))


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"no {sign} at {at}")
    return at + 1


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
