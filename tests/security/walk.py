"""Every route of the app, with an address that leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule as Route

from sfm.web.access import SAFE_METHODS, AccessRule
from tests.security.samples import ANYTHING

# Sign-in and the browser's own reports carry no session, or none yet.
WITHOUT_TOKEN = {"csp_reports.csp"}


@dataclass(frozen=True)
class Stop:
    """One method of one route."""

    endpoint: str
    method: str
    address: str
    rule: AccessRule
    names_a_thing: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.address} ({self.endpoint}, {self.rule.who})"


def stops(app: Flask, owned: dict[str, int]) -> Iterator[Stop]:
    """All of them. A part of an address that nobody has named in samples.py is an error."""
    adapter = app.url_map.bind("localhost")
    for route in sorted(app.url_map.iter_rules(), key=lambda route: route.rule):
        if route.endpoint == "static":
            continue
        rule = getattr(app.view_functions[route.endpoint], "access_rule", None)
        assert isinstance(rule, AccessRule), f"{route.rule} has no access rule"
        address = adapter.build(route.endpoint, values(route, owned, rule.who))
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Stop(route.endpoint, method, address, rule, "<id:" in route.rule)


def values(route: Route, owned: dict[str, int], who: str) -> dict[str, Any]:
    """A value for each named part of an address."""
    found: dict[str, Any] = dict(route.defaults or {})
    for name in route.arguments - set(found):
        choice = re.search(rf"<any\(([^)]*)\):{name}>", route.rule)
        if choice:
            found[name] = choice[1].split(",")[0].strip().strip("'\"")
        elif name in owned:
            found[name] = owned[name]
        elif f"<id:{name}>" in route.rule:
            needs_one = who == "owner"
            assert not needs_one, f"tests/security/samples.py names no {name} for {route.rule}"
            found[name] = 1  # the rule is asked before the thing is looked for
        else:
            found[name] = ANYTHING.get(name, "x")
    return found


def is_safe(stop: Stop) -> bool:
    return stop.method in SAFE_METHODS
