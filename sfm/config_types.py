"""What one setting is: its default, what it takes, its help; and how a given value is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sfm.errors import BadSetting


@dataclass(frozen=True)
class SettingKind:
    """How a setting's value is read, and the words that say what it takes."""

    takes: str
    read: Callable[[Any], Any]


def _boolean(value: Any) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    return known[str(value).strip().lower()]


def _json_object(value: Any) -> dict[str, Any]:
    parsed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(parsed, dict):
        raise ValueError
    return parsed


def _words(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _http_address(value: Any) -> str:
    text = str(value).strip().rstrip("/")
    if not text.startswith(("http://", "https://")) or any(c.isspace() for c in text):
        raise ValueError
    return text


def _within(low: float, high: float, number: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        parsed = number(str(value).strip())
        if not low <= parsed <= high:
            raise ValueError
        return parsed

    return read


TEXT = SettingKind("takes text", str)
FOLDER = SettingKind("takes the path of a folder", lambda value: Path(value).expanduser())
BOOLEAN = SettingKind("takes on or off", _boolean)
WORDS = SettingKind("takes words with commas between them", _words)
OPTIONAL_ADDRESS = SettingKind(
    "takes an http or https address, or nothing",
    lambda value: _http_address(value) if str(value).strip() else "",
)
ADDRESS = SettingKind("takes an http or https address, such as https://api.x.com", _http_address)
IP_ADDRESS = SettingKind(
    "takes an IP address, such as 127.0.0.1", lambda value: str(ip_address(str(value).strip()))
)
SCHEDULE_FORM = re.compile(
    r"off"
    r"|every (?P<count>[1-9]\d{0,4}) (?P<unit>s|min|h|d)"
    r"|daily (?P<day_time>(?:[01]\d|2[0-3]):[0-5]\d)"
    r"|weekly (?P<weekday>mon|tue|wed|thu|fri|sat|sun) (?P<week_time>(?:[01]\d|2[0-3]):[0-5]\d)"
)


def _schedule(value: Any) -> str:
    text = " ".join(str(value).lower().split())
    if not SCHEDULE_FORM.fullmatch(text):
        from sfm.cron import cron_trigger  # APScheduler, which most commands need not wait for

        cron_trigger(text)
    return text


SCHEDULE = SettingKind(
    "takes “off”, “every 6 h” (s, min, h, d), “daily 02:15”, “weekly sun 03:15” or the five "
    "fields of cron, such as “0 */6 * * *”, in UTC",
    _schedule,
)
OBJECT = SettingKind("takes a dictionary (JSON in the environment)", _json_object)


def whole(low: int, high: int) -> SettingKind:
    """A whole number within bounds, both included."""
    return SettingKind(f"takes a whole number from {low} to {high}", _within(low, high, int))


def one_of(*choices: str) -> SettingKind:
    """One of a few words."""

    def read(value: Any) -> str:
        if str(value) not in choices:
            raise ValueError
        return str(value)

    return SettingKind("takes one of: " + ", ".join(choices), read)


def some_of(*choices: str) -> SettingKind:
    """Any number of a few words, with commas between them."""

    def read(value: Any) -> tuple[str, ...]:
        words = _words(value)
        if not set(words) <= set(choices):
            raise ValueError
        return words

    return SettingKind("takes any of: " + ", ".join(choices), read)


def option(
    default: Any,
    kind: SettingKind,
    text: str,
    *,
    unit: str = "",
    secret: bool = False,
    older_name: str = "",
) -> Any:
    """One line of the table of settings. An older name is read where the present one is not set."""
    start: dict[str, Any] = {"default": default}
    if isinstance(default, dict):
        start = {"default_factory": lambda: dict(default)}
    metadata = {
        "kind": kind,
        "help": text,
        "unit": unit,
        "secret": secret,
        "older_name": older_name,
    }
    return field(**start, repr=not secret, metadata=metadata)


def read(name: str, kind: SettingKind, value: Any) -> Any:
    """A given value as the setting's own type. Raises BadSetting."""
    try:
        return kind.read(value)
    except (ValueError, KeyError, TypeError) as exc:
        raise BadSetting(name, kind.takes) from exc
