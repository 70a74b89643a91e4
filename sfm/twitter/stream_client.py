"""The filter stream and what belongs to it: connecting, rules, and other open connections.

Rules belong to the app, not to a connection: a change reaches the running stream within seconds.
Streams take an app's bearer token and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sfm.messages import Message
from sfm.networks.errors import BadRequest, NetworkError, scrub
from sfm.networks.rules import OpenConnection, Rule, RuleRefusal, StreamRule, SyncResult
from sfm.networks.stream import StreamKind
from sfm.twitter import dialect as dialects
from sfm.twitter import endpoints as at
from sfm.twitter import fields as request_fields
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.fields import Fields
from sfm.twitter.parse.lenient import loads
from sfm.twitter.parse.values import parse_date
from sfm.twitter.rules import MAX_RULES
from sfm.twitter.stream_connection import (
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    StreamConnection,
)
from sfm.twitter.transport import Transport

_ADD_AT_ONCE = 100


class StreamClient:
    """Streams and rules of one app. Raises NetworkError; never waits unless `pause` does.

    `fields` are in tweet words whatever the setting: X's streams know no others. `mark` is the
    installation's: only rules that bear it are ever deleted. Without one nothing may be synced.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        fields: Fields | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        mark: str = "",
    ) -> None:
        self.transport = transport
        self.mark = mark
        self._fields = fields if fields is not None else request_fields.for_posts("tweet")
        self._timeout = (CONNECT_SECONDS, silence_seconds)

    def filter_stream(self) -> StreamConnection:
        """Connect to the filter stream. One try; NoRules if the app holds no rule."""
        return self._connect(at.FILTER_STREAM)

    def sample_stream(self) -> StreamConnection:
        """Connect to the sample of all posts (about 1 %). One try."""
        return self._connect(at.SAMPLE_STREAM)

    def count_posts(self, stream: StreamKind, posts: int) -> None:
        """Have delivered posts counted: each is paid for."""
        endpoint = at.FILTER_STREAM if stream == "filter" else at.SAMPLE_STREAM
        self.transport.count(endpoint, calls=0, posts=posts)

    def _connect(self, endpoint: Endpoint) -> StreamConnection:
        """In tweet words; where X does not take them any more, once in the others."""
        try:
            answered = self.transport.open(endpoint, self._fields, self._timeout)
        except BadRequest as refusal:
            if not dialects.is_about_words(refusal):
                raise
            in_post_words = request_fields.for_posts("post")
            answered = self.transport.open(endpoint, in_post_words, self._timeout)
            dialects.warn_of("post")
        return StreamConnection(answered)

    def rules(self) -> tuple[StreamRule, ...]:
        """All rules the app holds, also those of other programs."""
        rules: list[StreamRule] = []
        params: dict[str, Any] = {"max_results": MAX_RULES}
        while True:
            body = self._read(at.RULES_READ, params)
            rules += _rules(body)
            token = _object(body, "meta").get("next_token")
            if not isinstance(token, str) or not token or token == params.get("pagination_token"):
                return tuple(rules)
            params["pagination_token"] = token

    def add_rules(
        self, rules: Iterable[Rule], *, dry_run: bool = False
    ) -> tuple[tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        """Add rules. Gives those in force (a duplicate is in force already) and those refused."""
        added, duplicates, refused = self._add_rules(rules, dry_run=dry_run)
        return (*added, *duplicates), refused

    def _add_rules(
        self, rules: Iterable[Rule], *, dry_run: bool = False
    ) -> tuple[tuple[StreamRule, ...], tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        """Those that are new, those that were in force already, and those refused."""
        added: list[StreamRule] = []
        duplicates: list[StreamRule] = []
        refused: list[RuleRefusal] = []
        left = list(rules)
        while left:
            batch, left = left[:_ADD_AT_ONCE], left[_ADD_AT_ONCE:]
            entries = [{"value": rule.value, "tag": rule.tag(self.mark)} for rule in batch]
            params = {"dry_run": "true"} if dry_run else None
            body = self._read(at.RULES_WRITE, params, method="POST", json={"add": entries})
            added += _rules(body)
            for error in _list(body, "errors"):
                if error.get("title") == "DuplicateRule" and error.get("id"):
                    duplicates.append(StreamRule(str(error["id"]), str(error.get("value", ""))))
                else:
                    refused.append(RuleRefusal(str(error.get("value", "")), _why(error)))
        return tuple(added), tuple(duplicates), tuple(refused)

    def delete_rules(self, rules: Iterable[StreamRule]) -> None:
        """Delete these rules, by id."""
        ids = [rule.id for rule in rules]
        for start in range(0, len(ids), _ADD_AT_ONCE):
            batch = {"delete": {"ids": ids[start : start + _ADD_AT_ONCE]}}
            self._read(at.RULES_WRITE, None, method="POST", json=batch)

    def sync_rules(self, wanted_rules: Iterable[Rule], cap: int = MAX_RULES) -> SyncResult:
        """Bring this installation's rules in line; those of others are left alone.

        Additions come before deletions where the cap allows it, so that nothing is missed. A rule
        with one of our texts and a tag from before there were marks gets its mark, once.
        """
        wanted_by_value = {rule.value: rule for rule in wanted_rules}
        before = {rule.value: rule for rule in self.rules()}
        missing = frozenset(wanted_by_value.keys() - before.keys())
        unmarked = [
            rule
            for value, rule in before.items()
            if value in wanted_by_value and rule.tag == wanted_by_value[value].unmarked_tag
        ]
        self.delete_rules(unmarked)
        stale = [rule for rule in before.values() if self._is_stale(rule, wanted_by_value)]
        to_mark = {rule.value for rule in unmarked}
        new = [rule for value, rule in wanted_by_value.items() if value in missing | to_mark]
        added, in_force, refused = self._replace(stale, new, room=cap - len(before) + len(unmarked))
        missing -= {rule.value for rule in in_force}  # the list of rules had left them out
        stored = {rule.value: rule for rule in self.rules()} if new or stale else before
        foreign = tuple(
            rule
            for value, rule in stored.items()
            if rule.mark != self.mark and value not in wanted_by_value
        )
        return SyncResult(added, tuple(stale), refused, stored, missing, foreign)

    def _is_stale(self, rule: StreamRule, wanted_by_value: Mapping[str, Rule]) -> bool:
        return bool(self.mark) and rule.mark == self.mark and rule.value not in wanted_by_value

    def _replace(
        self, stale: list[StreamRule], new: list[Rule], room: int
    ) -> tuple[tuple[StreamRule, ...], tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        """Additions first; near the cap old rules make way for new ones, a batch at a time."""
        if len(new) > room + len(stale):
            raise _too_many_rules(len(new), room + len(stale))
        added: list[StreamRule] = []
        duplicates: list[StreamRule] = []
        refused: list[RuleRefusal] = []
        while new:
            gone: list[StreamRule] = []
            if room <= 0:
                gone, stale = stale[:_ADD_AT_ONCE], stale[_ADD_AT_ONCE:]
                self.delete_rules(gone)
                room += len(gone)
            size = min(max(room, 1), _ADD_AT_ONCE)
            batch, new = new[:size], new[size:]
            batch_added, batch_duplicates, batch_refused = self._add_or_restore(batch, gone)
            room -= len(batch_added)
            added += batch_added
            duplicates += batch_duplicates
            refused += batch_refused
        self.delete_rules(stale)
        return tuple(added), tuple(duplicates), tuple(refused)

    def _add_or_restore(
        self, batch: list[Rule], gone: list[StreamRule]
    ) -> tuple[tuple[StreamRule, ...], tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        """Where the new rules cannot be added, those that made way for them come back."""
        try:
            return self._add_rules(batch)
        except NetworkError:
            if gone:
                self._add_rules(Rule(rule.value) for rule in gone)
            raise

    def connections(self) -> tuple[OpenConnection, ...]:
        """Stream connections of the app that are open now, on whatever computer."""
        params = {
            "status": "active",
            "connection.fields": "client_ip,connected_at,endpoint_name,id",
        }
        entries = _list(self._read(at.CONNECTIONS, params), "data")
        return tuple(
            OpenConnection(
                str(entry.get("id", "")),
                str(entry.get("endpoint_name", "")),
                parse_date(str(entry.get("connected_at") or "")),
                str(entry.get("client_ip", "")),
            )
            for entry in entries
        )

    def close_connections(self, endpoint_id: str = "filtered_stream") -> None:
        """End all connections of this kind (`all` for every kind), on whatever computer."""
        path = at.CLOSE_CONNECTIONS.path.format(id=endpoint_id)
        self._read(at.CLOSE_CONNECTIONS, None, path=path, method="DELETE")

    def _read(
        self, endpoint: Endpoint, params: Mapping[str, Any] | None, **more: Any
    ) -> dict[str, Any]:
        body = self.transport.ask(endpoint, params, **more)
        self.transport.count(endpoint)
        return loads(body)


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _list(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = body.get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _rules(body: dict[str, Any]) -> list[StreamRule]:
    return [
        StreamRule(str(entry.get("id", "")), str(entry.get("value", "")), str(entry.get("tag", "")))
        for entry in _list(body, "data")
    ]


def _too_many_rules(wanted: int, room: int) -> BadRequest:
    return BadRequest(
        Message(
            "%(wanted)s more rules are wanted than Twitter holds for this app, and there is room "
            "for %(room)s. Make the filter smaller, or give it another app token.",
            wanted=wanted,
            room=max(room, 0),
        )
    )


def _why(error: dict[str, Any]) -> str:
    details = error.get("details")
    if isinstance(details, list) and details:
        return scrub("; ".join(str(detail) for detail in details))
    return scrub(str(error.get("detail") or error.get("title") or "refused"))
