"""Each field and expansion that X describes is asked for, or left out for a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sfm.twitter.fields import FIELDS, LEFT_OUT, Dialect
from tests.twitter.x_fields import NAMES

DIALECTS: tuple[Dialect, ...] = ("tweet", "post")
VERSIONS: dict[Dialect, str] = {"tweet": "2.166", "post": "2.167"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_name_is_asked_for_or_left_out_with_a_reason(dialect: Dialect) -> None:
    assert set(FIELDS[dialect]) == set(NAMES[dialect])
    for parameter, names in NAMES[dialect].items():
        requested = FIELDS[dialect][parameter].split(",")
        assert len(requested) == len(set(requested))
        left_out = LEFT_OUT[parameter].keys() & set(names)
        assert not left_out & set(requested), parameter
        assert set(requested) | left_out == set(names), parameter


def test_every_reason_is_about_a_name_that_x_describes() -> None:
    for parameter, reasons in LEFT_OUT.items():
        described = {name for names in NAMES.values() for name in names.get(parameter, ())}
        assert set(reasons) <= described
        assert all(len(reason) > 20 for reason in reasons.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_list_of_names_is_that_of_the_description(shared_data: Path, dialect: Dialect) -> None:
    described = names_in(shared_data / f"openapi-{VERSIONS[dialect]}.json", dialect)
    assert {name: set(names) for name, names in NAMES[dialect].items()} == described


def names_in(path: Path, dialect: Dialect) -> dict[str, set[str]]:
    known: dict[str, Any] = json.loads(path.read_text())["components"]["parameters"]
    post = dialect.capitalize()
    kinds = (f"{post}Fields", f"{post}Expansions", "UserFields", "UserExpansions", "MediaFields")
    names: dict[str, set[str]] = {}
    for kind in (*kinds, "PlaceFields", "PollFields"):
        parameter = known[f"{kind}Parameter"]
        names.setdefault(parameter["name"], set()).update(parameter["schema"]["items"]["enum"])
    return names
