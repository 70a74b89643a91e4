"""Partial errors: what a v2 answer says about the things it could not give. Pure."""

from __future__ import annotations

from typing import Any

from sfm.networks.errors import AccountState
from sfm.networks.page import PartialError, ProblemState

_NO_FIELD = frozenset({"not-authorized-for-field", "field-unauthorized", "field-hydration-failure"})


def read_problems(body: Any) -> tuple[PartialError, ...]:
    """Every entry of an answer's `errors`, whatever is missing in it."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return ()
    return tuple(problem_from(error) for error in errors if isinstance(error, dict))


def problem_from(entry: Any) -> PartialError:
    """One problem object as X words it; empty for anything else."""
    if not isinstance(entry, dict):
        return PartialError()
    text = {
        name: _text(entry.get(name))
        for name in (
            "resource_type", "resource_id", "value", "parameter", "section", "title", "detail",
        )
    }  # fmt: skip
    kind = _text(entry.get("type")).rstrip("/").rpartition("/")[2].lower()
    return PartialError(kind=kind, state=_state(kind, text), **text)


def account_state(problem: PartialError) -> AccountState:
    """The state of the account or post that a problem is about."""
    if problem.state == "field" or problem.state == "other":
        return "unavailable"
    return problem.state


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _state(kind: str, text: dict[str, str]) -> ProblemState:
    """By title and detail first: a suspended account comes with the type resource-not-found."""
    detail, title = text["detail"].lower(), text["title"].lower()
    if kind in _NO_FIELD:
        return "field"
    if "suspended" in detail:
        return "suspended"
    if "deactivated" in detail or "no longer exist" in detail:
        return "gone"
    if kind == "not-authorized-for-resource" or title == "authorization error":
        return "protected"
    if title == "forbidden" and text["resource_type"] == "user":
        return "suspended"
    if kind == "resource-not-found" or title == "not found error":
        by_number = text["parameter"] in ("id", "ids") and text["resource_type"] == "user"
        return "gone" if by_number else "not_found"
    if kind == "resource-unavailable":
        return "withheld" if "withheld" in detail else "unavailable"
    return "other"
