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
from sfm.networks.adapter import AccountLookup, NetworkClient, PostStream, StreamSource
from sfm.networks.errors import AccountProblem
from sfm.networks.page import AccountBatch
from sfm.networks.record import Account
from sfm.twitter.client import Client
from sfm.twitter.stream_client import StreamClient
from sfm.twitter.stream_connection import StreamConnection

ROOT = Path(__file__).resolve().parents[2]


def clients_of_x(client: Client, streams: StreamClient, connection: StreamConnection) -> None:
    """Never called: mypy checks these assignments, with the types of every parameter."""
    _client: NetworkClient = client
    _source: StreamSource = streams
    _stream: PostStream = connection


@pytest.mark.parametrize(
    ("protocol", "kept_by"),
    [(NetworkClient, Client), (StreamSource, StreamClient), (PostStream, StreamConnection)],
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
        member, kept = getattr(protocol, name), getattr(kept_by, name)
        if not isinstance(member, property):
            wanted, given = inspect.signature(member), inspect.signature(kept)
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
