"""The outcomes of following a link, their words on pages, and when it is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sfm.messages import Message

Outcome = Literal[
    "ok",
    "gone",
    "refused",
    "server_error",
    "timeout",
    "dns",
    "connection",
    "tls",
    "too_many_redirects",
    "not_public",
    "invalid",
    "too_large",
    "bad_answer",
]

ANSWERED: frozenset[Outcome] = frozenset({"ok", "gone", "refused", "server_error"})

WORDS_FOR_OUTCOME: dict[Outcome, str] = {
    "ok": Message("leads to a page"),
    "gone": Message("the page is gone"),
    "refused": Message("the site refuses us"),
    "server_error": Message("the site has trouble"),
    "timeout": Message("the site did not answer in time"),
    "dns": Message("there is no such site"),
    "connection": Message("the site cannot be reached"),
    "tls": Message("the site's certificate cannot be trusted"),
    "too_many_redirects": Message("passed on too many times"),
    "not_public": Message("leads to no public address"),
    "invalid": Message("not a web address"),
    "too_large": Message("the answer's headers are too large"),
    "bad_answer": Message("the answer is no proper web answer"),
}

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_PASSING = (_HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY)
_RETRIES: dict[str, tuple[timedelta, ...]] = {
    "timeout": _PASSING,
    "dns": (6 * _HOUR, _DAY, 7 * _DAY),
    "connection": _PASSING,
    "server_error": _PASSING,
    "refused": (_DAY, 7 * _DAY),
    "tls": (_DAY, 7 * _DAY),
    "bad_answer": (_DAY,),
}

LONGEST_RETRY = 7 * _DAY

GONE = frozenset({404, 410, 451})


def outcome_of(status: int) -> Outcome:
    """The outcome of a final status: anything below 400 is a page."""
    if status in GONE:
        return "gone"
    if status >= 500:
        return "server_error"
    return "refused" if status >= 400 else "ok"


def retry_at(outcome: str, attempts: int, now: datetime) -> datetime | None:
    """When a link of this outcome is tried again after so many attempts; None for never."""
    steps = _RETRIES.get(outcome, ())
    return now + steps[attempts - 1] if 0 < attempts <= len(steps) else None
