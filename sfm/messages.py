"""Sentences for people that carry their message id and values, as gettext names them.

`Message("There is no set “%(name)s” here.", name=name)` is the English sentence as a `str`, for
logs, terminals and the database, and keeps its msgid and values, from which pages translate it
(`sfm/web/translation.py`). `PluralMessage("%(num)s post", "%(num)s posts", count)` has a form for
one and a form for many. `scripts/strings.py` puts each msgid into the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Self

Value = str | int | float
SEPARATOR = "\x1e"  # ASCII's record separator: no sentence holds it


class Message(str):
    """The English sentence, with `msgid` and `values` to translate it by.

    `values` fill the places `%(name)s` of the msgid; one may be a Message itself. What is neither
    text nor number is kept as its text. Without values the msgid is the sentence as it stands,
    `%` included.
    """

    __slots__ = ("msgid", "values")
    msgid: str
    values: dict[str, Value]

    def __new__(cls, msgid: str, /, **values: object) -> Self:
        kept = {name: _value(value) for name, value in values.items()}
        self = super().__new__(cls, msgid % kept if kept else msgid)
        self.msgid = str(msgid)
        self.values = kept
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (self.msgid, self.values)


class PluralMessage(Message):
    """A sentence with a form for one and a form for many, as gettext's ngettext takes them.

    `%(num)s` stands for the count in both, with its thousands apart; `values` are for the rest.
    """

    __slots__ = ("num", "plural")
    plural: str
    num: int

    def __new__(cls, singular: str, plural: str, count: int, /, **values: object) -> Self:
        values = {"num": f"{count:,}", **values}
        self = super().__new__(cls, singular if count == 1 else plural, **values)
        self.msgid, self.plural, self.num = str(singular), str(plural), count
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return restored_plural, (self.msgid, self.plural, self.num, self.values)


def _value(value: object) -> Value:
    return value if isinstance(value, str | int | float) else str(value)


def restored(msgid: str, values: dict[str, Value]) -> Message:
    """The Message of a msgid and its values."""
    return Message(msgid, **values)


def restored_plural(
    singular: str, plural: str, count: int, values: dict[str, Value]
) -> PluralMessage:
    """The PluralMessage of its two msgids, its count and its values."""
    return PluralMessage(singular, plural, count, **values)


def pack(text: str) -> str:
    """A sentence as one text for storage: the English, and behind it the msgid and values.

    A sentence without values is its own msgid and is kept as it is.
    """
    if not isinstance(text, Message) or not text.values:
        return str(text)
    return f"{text}{SEPARATOR}{json.dumps(_to_json(text), ensure_ascii=False)}"


def unpack(stored: str) -> str:
    """The sentence that `pack` kept; a text without msgid and values as it is."""
    english, separator, source = stored.partition(SEPARATOR)
    if not separator:
        return stored
    try:
        return _from_json(json.loads(source))
    except (ValueError, TypeError, KeyError):  # what something else wrote
        return english


def _to_json(message: Message) -> dict[str, Any]:
    values = {
        name: _to_json(value) if isinstance(value, Message) else value
        for name, value in message.values.items()
    }
    source: dict[str, Any] = {"msgid": message.msgid, "values": values}
    if isinstance(message, PluralMessage):
        source |= {"plural": message.plural, "num": message.num}
    return source


def _from_json(source: dict[str, Any]) -> Message:
    values = {
        name: _from_json(value) if isinstance(value, dict) else value
        for name, value in source["values"].items()
    }
    if "plural" in source:
        return PluralMessage(source["msgid"], source["plural"], source["num"], **values)
    return Message(source["msgid"], **values)


def join_messages(parts: Iterable[str], separator: str = " ") -> Message:
    """Several sentences or words as one Message, each translated by itself."""
    values = {f"part_{number}": part for number, part in enumerate(parts, start=1)}
    return Message(separator.join(f"%({name})s" for name in values), **values)


def N_(msgid: str, /) -> str:
    """The msgid as it is: marks it for the catalogue where a Message is made of it later."""
    return msgid
