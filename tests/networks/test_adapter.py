"""The interface of adapters: X's client keeps it, and a feature works with any that keeps it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sfm.filters.account_lookup import find_people
from sfm.networks import adapter
from sfm.networks.adapter import (
    AccountLookup,
    FilterStreamClient,
    NetworkClient,
    PostStream,
)
from sfm.networks.errors import AccountProblem
from sfm.networks.page import AccountBatch
from sfm.networks.record import Account
from sfm.networks.rules import OpenConnection, Rule, RuleRefusal, StreamRule, SyncResult
from sfm.networks.stream import Disconnect, Event, StreamKind
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.rule_sync import RuleSync
from sfm.streams.status import Status
from sfm.twitter.client import Client
from sfm.twitter.stream_client import StreamClient
from sfm.twitter.stream_connection import StreamConnection

ROOT = Path(__file__).resolve().parents[2]


def clients_of_x(client: Client, streams: StreamClient, connection: StreamConnection) -> None:
    """Never called: mypy checks these assignments, with the types of every parameter."""
    _client: NetworkClient = client
    _source: FilterStreamClient = streams
    _stream: PostStream = connection


@pytest.mark.parametrize(
    ("protocol", "kept_by"),
    [(NetworkClient, Client), (FilterStreamClient, StreamClient), (PostStream, StreamConnection)],
)
def test_x_keeps_the_interface(protocol: type, kept_by: type) -> None:
    names = {
        name
        for base in protocol.__mro__
        if base.__module__ == adapter.__name__
        for name, member in vars(base).items()
        if isinstance(member, property) or (inspect.isfunction(member) and name != "__init__")
    } - {"_no_init_or_replace_init", "__subclasshook__"}
    assert len(names) >= 2
    for name in names:
        member = getattr(protocol, name)
        if isinstance(member, property):
            assert hasattr(kept_by, name) or name in inspect.signature(kept_by).parameters
        else:
            wanted, given = inspect.signature(member), inspect.signature(getattr(kept_by, name))
            assert set(wanted.parameters) <= set(given.parameters), name


class OtherNetwork:
    """Names with a server in them, as a network that is not X has them."""

    def accounts_by_name(self, names: Iterable[str]) -> Iterator[AccountBatch]:
        for name in names:
            if name.startswith("gone"):
                message = f"other.example has no account {name}."
                problem = AccountProblem(message, state="not_found", subject=name)
                yield AccountBatch((), (problem,))
            else:
                yield AccountBatch((Account(uid=len(name), name=name),), ())

    def accounts_by_uid(self, uids: Iterable[int]) -> Iterator[AccountBatch]:
        yield AccountBatch(tuple(Account(uid=uid, name=f"a{uid}") for uid in uids), ())

    def account_by_name(self, name: str) -> Account:
        return Account(uid=len(name), name=name)


def test_a_feature_works_with_another_network() -> None:
    other: AccountLookup = OtherNetwork()
    people = find_people(["ann@other.example", "gone@other.example"], {}, other)
    assert people.uids == {"ann@other.example": 17}
    assert people.not_found == {
        "gone@other.example": "other.example has no account gone@other.example."
    }


class OtherStream:
    """A network that takes one rule of three letters at most, and keeps them by their text."""

    mark = "here"

    def __init__(self) -> None:
        self.stored: dict[str, StreamRule] = {"cat": StreamRule("cat", "cat", "another program")}

    def __iter__(self) -> Iterator[Event]:
        yield Disconnect("stopped", "stopped")

    def stop(self) -> None: ...

    def filter_stream(self) -> PostStream:
        return self

    def sample_stream(self) -> PostStream:
        return self

    def count_posts(self, stream: StreamKind, posts: int) -> None: ...

    def rules(self) -> tuple[StreamRule, ...]:
        return tuple(self.stored.values())

    def add_rules(
        self, rules: Iterable[Rule], *, dry_run: bool = False
    ) -> tuple[tuple[StreamRule, ...], tuple[RuleRefusal, ...]]:
        rules = list(rules)
        refused = [RuleRefusal(rule.value, "too long") for rule in rules if len(rule.value) > 3]
        added = [
            StreamRule(rule.value, rule.value, rule.tag(self.mark))
            for rule in rules
            if len(rule.value) <= 3
        ]
        self.stored |= {} if dry_run else {rule.value: rule for rule in added}
        return tuple(added), tuple(refused)

    def delete_rules(self, rules: Iterable[StreamRule]) -> None:
        for rule in rules:
            del self.stored[rule.id]

    def sync_rules(self, wanted_rules: Iterable[Rule]) -> SyncResult:
        foreign = tuple(rule for rule in self.rules() if rule.mark != self.mark)
        added, refused = self.add_rules(wanted_rules)
        return SyncResult(added, (), refused, dict(self.stored), frozenset(), foreign)

    def connections(self) -> tuple[OpenConnection, ...]:
        return ()


def test_a_collector_keeps_its_rules_at_another_network() -> None:
    other: FilterStreamClient = OtherStream()
    router = Router(CollectedFilters({1: (Rule("dog"),), 2: (Rule("horse"),)}), other.mark)
    rule_sync = RuleSync(router, Status(), other, other)
    connection = rule_sync.connect()
    assert [type(event) for event in connection] == [Disconnect]
    assert {rule.value: rule.mark for rule in other.rules()} == {"cat": "", "dog": "here"}
    assert rule_sync.refused == ["horse: too long"]
    assert [rule.value for rule in rule_sync.foreign] == ["cat"]
    rule_sync.withdraw()
    assert [rule.value for rule in other.rules()] == ["cat"]


def test_what_all_networks_share_says_nothing_of_one() -> None:
    """Neither in texts nor in names of classes."""
    own = re.compile(r"\b(Twitter|tweets?|X's|x\.com)\b")
    for path in sorted((ROOT / "sfm" / "networks").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        assert not [text for text in texts if own.search(text)], path.name
        assert not [name for name in names if re.search("Twitter|Tweet", name)], path.name
