"""The rules of the filtered stream, kept per app and checked as X checks them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass

from sfm.sandbox import problems
from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.problems import PROBLEM, Json
from sfm.sandbox.query.match import ParsedQuery
from sfm.sandbox.query.parse import QueryError, parse
from sfm.sandbox.world.posts import make_id

MAX_RULE_CHARS = 1_024
MAX_RULES = 1_000


@dataclass(frozen=True)
class StoredRule:
    """One rule. It counts from `active_ms` on."""

    id: str
    value: str
    tag: str | None
    query: ParsedQuery
    active_ms: int

    def as_json(self) -> Json:
        """As the endpoints show it; no tag, no key."""
        return {"id": self.id, "value": self.value} | ({"tag": self.tag} if self.tag else {})


class RuleBook:
    """The rules of every app. `delay_seconds` is how long a new rule takes to come into force."""

    def __init__(self, clock: SandboxClock) -> None:
        self.cap = MAX_RULES
        self.delay_seconds = 0.0
        self._clock = clock
        self._rules: dict[str, dict[str, StoredRule]] = {}
        self._serial = itertools.count(1)
        self._lock = threading.Lock()

    def of(self, app: str) -> list[StoredRule]:
        """An app's rules, oldest first."""
        with self._lock:
            return list(self._rules.get(app, {}).values())

    def in_force(self, app: str) -> list[StoredRule]:
        """Those that count by now."""
        now = self._clock.now_ms()
        return [rule for rule in self.of(app) if rule.active_ms <= now]

    def counts(self) -> dict[str, int]:
        """How many rules each app has."""
        with self._lock:
            return {app: len(rules) for app, rules in self._rules.items()}

    def add(
        self, app: str, requested: list[Json], *, dry_run: bool
    ) -> tuple[list[StoredRule], list[Json]]:
        """The rules made, and an error for each that was not. Raises Refused (422) over the cap."""
        with self._lock:
            book = self._rules.setdefault(app, {})
            values = {rule.value: rule.id for rule in book.values()}
            made: list[StoredRule] = []
            errors: list[Json] = []
            for item in requested:
                rule = self._made(item, values, errors)
                if rule:
                    values[rule.value] = rule.id
                    made.append(rule)
            if len(book) + len(made) > self.cap:
                raise self._over_the_cap(len(book) + len(made))
            if not dry_run:
                book.update({rule.id: rule for rule in made})
        return made, errors

    def delete(self, app: str, ids: list[str], values: list[str], *, dry_run: bool) -> list[str]:
        """Gives the ids that were deleted (or, in a dry run, would be)."""
        with self._lock:
            book = self._rules.setdefault(app, {})
            gone = [rule.id for rule in book.values() if rule.id in ids or rule.value in values]
            if not dry_run:
                for rule_id in gone:
                    del book[rule_id]
        return gone

    def _made(self, item: Json, values: dict[str, str], errors: list[Json]) -> StoredRule | None:
        value = item["value"]
        if value in values:
            errors.append(_duplicate(value, values[value]))
            return None
        try:
            node = parse(value, stream=True, longest=MAX_RULE_CHARS)
        except QueryError as exc:
            errors.append(_invalid(value, exc))
            return None
        now = self._clock.now_ms()
        return StoredRule(
            id=str(make_id(now, next(self._serial))),
            value=value,
            tag=item.get("tag") or None,
            query=ParsedQuery(node, stream=True),
            active_ms=now + int(self.delay_seconds * 1000),
        )

    def _over_the_cap(self, count: int) -> problems.RefusedRequest:
        body = {
            "title": "RulesCapExceeded",
            "detail": f"Rules capacity exceeded: {count} rules for a cap of {self.cap}.",
            "type": f"{PROBLEM}rule-cap",
            "status": 422,
        }
        return problems.RefusedRequest(422, body)


def _duplicate(value: str, rule_id: str) -> Json:
    kind = f"{PROBLEM}duplicate-rules"
    return {"value": value, "id": rule_id, "title": "DuplicateRule", "type": kind}


def _invalid(value: str, why: QueryError) -> Json:
    kind = f"{PROBLEM}invalid-rules"
    return {"value": value, "title": "UnprocessableEntity", "type": kind, "details": why.details}
