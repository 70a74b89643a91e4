"""Reading and checking a request's query as X does: a wrong value is a 400 that names it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from sfm.sandbox import problems
from sfm.sandbox.clock import iso, to_ms

ID_PATTERN = "^[0-9]{1,19}$"
NAME_PATTERN = "^[A-Za-z0-9_]{1,15}$"
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")
FIELDS = (
    "expansions",
    "tweet.fields",
    "post.fields",
    "user.fields",
    "media.fields",
    "place.fields",
    "poll.fields",
)


class Params:
    """The query of one request. Every reader raises Refused (400) for what X would not take."""

    def __init__(self, args: MultiDict[str, str], allowed: Iterable[str]) -> None:
        self.args = args
        known = list(allowed)
        for name in args:
            if name not in known:
                message = f"The query parameter [{name}] is not one of [{','.join(sorted(known))}]"
                raise problems.invalid(name, args.getlist(name), message)

    def text(self, name: str) -> str | None:
        """As it came, None if it did not."""
        return self.args.get(name)

    def required(self, name: str) -> str:
        """A value that must be there and not be empty."""
        value = self.args.get(name, "")
        if not value:
            message = f"The `{name}` query parameter can not be empty"
            raise problems.invalid(name, [value], message)
        return value

    def many(self, name: str, pattern: str, most: int = 100) -> list[str]:
        """1 to 100 values (or another `most`), with commas between."""
        raw = self.required(name)
        values = raw.split(",")
        if len(values) > most:
            message = f"The number of values in the `{name}` query parameter list"
            message += f" [{len(values)}] is not between 1 and {most}"
            raise problems.invalid(name, [raw], message)
        for value in values:
            if not re.match(pattern, value):
                message = f"The `{name}` query parameter value [{value}] does not match {pattern}"
                raise problems.invalid(name, [raw], message)
        return list(dict.fromkeys(values))

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        """A number from low to high."""
        raw = self.args.get(name)
        if raw is None:
            return default
        if not raw.isdecimal() or not low <= int(raw) <= high:
            message = f"The `{name}` query parameter value [{raw}] is not between {low} and {high}"
            raise problems.invalid(name, [raw], message)
        return int(raw)

    def post_id(self, name: str) -> int | None:
        """An id of at most 19 digits."""
        raw = self.args.get(name)
        if raw is None:
            return None
        if not re.match(ID_PATTERN, raw):
            message = f"The `{name}` query parameter value [{raw}] does not match {ID_PATTERN}"
            raise problems.invalid(name, [raw], message)
        return int(raw)

    def moment_ms(self, name: str) -> int | None:
        """An ISO time with Z, in milliseconds since 1970."""
        raw = self.args.get(name)
        if raw is None:
            return None
        if not _TIME.match(raw):
            message = f"The `{name}` query parameter value [{raw}] is not a valid RFC3339 date-time"
            raise problems.invalid(name, [raw], message)
        try:
            return to_ms(datetime.fromisoformat(raw).astimezone(UTC))
        except ValueError:
            message = f"The `{name}` query parameter value [{raw}] is not a valid RFC3339 date-time"
            raise problems.invalid(name, [raw], message) from None

    def choices(self, name: str, allowed: tuple[str, ...]) -> set[str]:
        """Some of these words, with commas between."""
        values = set(self.args.get(name, "").split(",")) - {""}
        for value in sorted(values):
            if value not in allowed:
                message = f"The `{name}` query parameter value [{value}] is not one of "
                raise problems.invalid(name, [value], message + f"[{','.join(allowed)}]")
        return values

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of these words."""
        values = self.choices(name, allowed)
        if len(values) > 1:
            message = f"The `{name}` query parameter takes one value"
            raise problems.invalid(name, sorted(values), message)
        return values.pop() if values else default

    def span(self) -> tuple[int | None, int | None]:
        """start_time and end_time in milliseconds; the first must lie before the second."""
        start, end = self.moment_ms("start_time"), self.moment_ms("end_time")
        if start is not None and end is not None and start >= end:
            message = f"Invalid 'start_time':'{iso(start)}'. 'start_time' must be before "
            raise problems.invalid("start_time", [iso(start)], message + f"'end_time':{iso(end)}")
        return start, end


def check_path_id(value: str) -> int:
    """The id in a path."""
    if not re.match(ID_PATTERN, value):
        message = f"The `id` query parameter value [{value}] is not valid"
        raise problems.invalid("id", [value], message)
    return int(value)


def check_path_name(value: str) -> str:
    """The username in a path."""
    if not re.match(NAME_PATTERN, value):
        message = f"The `username` query parameter value [{value}] does not match {NAME_PATTERN}"
        raise problems.invalid("username", [value], message)
    return value
