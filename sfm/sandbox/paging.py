"""Paging tokens: opaque to clients, and nothing to keep for the server."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from sfm.sandbox import problems

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LAYOUT = struct.Struct(">BQQI")


@dataclass(frozen=True)
class PagePosition:
    """Where a page begins: `offset` posts below the anchor, for one `scope` (account or query)."""

    scope: int
    anchor: int
    offset: int


def write_token(place: PagePosition) -> str:
    """The token for a place: letters and digits, as X's."""
    packed = _LAYOUT.pack(0xB2, place.scope, place.anchor, place.offset)
    number = int.from_bytes(packed + struct.pack(">H", zlib.crc32(packed) & 0xFFFF), "big")
    digits = []
    while number:
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def read_token(token: str, scope: int, parameter: str) -> PagePosition:
    """The place in a token. Raises Refused (400) for a foreign or garbled one."""
    try:
        packed = int(token, 36).to_bytes(_LAYOUT.size + 2, "big")
        body, check = packed[:-2], packed[-2:]
        _, page_scope, anchor, offset = _LAYOUT.unpack(body)
    except (ValueError, OverflowError):
        raise invalid_token(token, parameter) from None
    if struct.pack(">H", zlib.crc32(body) & 0xFFFF) != check or page_scope != scope:
        raise invalid_token(token, parameter)
    return PagePosition(page_scope, anchor, offset)


def invalid_token(token: str, parameter: str) -> problems.RefusedRequest:
    """What X says to a token that it cannot use, an expired one too."""
    message = f"The `{parameter}` query parameter value [{token}] is not valid"
    return problems.invalid(parameter, [token], message)


def scope_of(text: str) -> int:
    """64 bits that stand for an account or a query."""
    data = text.encode()
    return zlib.crc32(data) << 32 | zlib.crc32(data[::-1] + b"#")
