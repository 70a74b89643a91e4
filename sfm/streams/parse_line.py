"""What we need to know of a line to file it: the post's id and the rules it matched.

A line is kept as it came, byte for byte; nothing here changes one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec

from sfm.networks.record import MAX_ID


class _Post(msgspec.Struct):
    id: str | int | None = None


class _Rule(msgspec.Struct):
    id: str | int | None = None
    tag: str | None = None


class _Line(msgspec.Struct):
    data: _Post | None = None
    matching_rules: list[_Rule] | None = None
    id: str | int | None = None  # of a v1.1 post, in old files
    id_str: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """Where a line belongs. `rules` are pairs of rule id and tag, "" where one is missing."""

    post_id: int | None
    rules: tuple[tuple[str, str], ...] = ()


class UnreadableLine(ValueError):
    """A line that is no JSON object of a kind we know; the words say why."""


_decode = msgspec.json.Decoder(_Line).decode


def parse_stream_line(line: bytes) -> ParsedLine:
    """Read what filing needs. Raises UnreadableLine, and nothing else, for what cannot be read."""
    try:
        parsed = _decode(line)
    except msgspec.ValidationError as exc:
        raise UnreadableLine(f"JSON of another shape: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        parsed = _patiently(line)
    except RecursionError as exc:
        raise UnreadableLine("JSON nested too deeply") from exc
    rules = tuple((str(rule.id or ""), rule.tag or "") for rule in parsed.matching_rules or ())
    return ParsedLine(_id_of(parsed), rules)


def _patiently(line: bytes) -> _Line:
    """A line that msgspec refuses although it is JSON: half an emoji at the end of a cut text."""
    try:
        return msgspec.convert(json.loads(line.decode()), _Line)
    except msgspec.ValidationError as exc:
        raise UnreadableLine(f"JSON of another shape: {exc}") from exc
    except ValueError as exc:
        raise UnreadableLine(f"not JSON: {exc}") from exc
    except RecursionError as exc:
        raise UnreadableLine("JSON nested too deeply") from exc


def post_id_of(line: bytes) -> int | None:
    """The id of the post on this line; None where there is none to be read."""
    try:
        return parse_stream_line(line).post_id
    except UnreadableLine:
        return None


def split(text: bytes) -> list[bytes]:
    """The lines of a text without their line feeds; only a line feed ends a line here."""
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _id_of(parsed: _Line) -> int | None:
    given = parsed.data.id if parsed.data else parsed.id_str or parsed.id
    if isinstance(given, str):
        if not (given.isascii() and given.isdigit() and len(given) <= 19):
            return None
        given = int(given)
    return given if given is not None and 0 <= given <= MAX_ID else None
