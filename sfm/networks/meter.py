"""Counts what is read, because it is paid for, and the rate-limit window that is left."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any


def fingerprint(kind: str, text: str) -> str:
    """A name for a credential, from which its secret cannot be found again."""
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()


@dataclass(frozen=True)
class Prices:
    """What a network asks for what is read; 0 where it is free."""

    dollars_per_post: float
    dollars_per_count: float  # a call that counts posts
    cents_per_account: float  # an account that is looked up


class Meter:
    """Takes every call with what it read, for the present UTC day. Must not raise.

    Posts and users are those asked for, not those that an answer adds on its own. A meter may
    gather counts until what they brought is stored, and write them with that; the others have
    nothing to do in `write` and `write_now`.
    """

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's count."""
        raise NotImplementedError

    def transaction(self) -> AbstractContextManager[None]:
        """Around a transaction that calls `write`, up to its commit."""
        return nullcontext()

    def write(self, connection: Any) -> None:
        """Write what was gathered, in the caller's transaction."""

    def write_now(self) -> None:
        """Write what was gathered now: nothing is stored for it, or not soon."""


@dataclass(frozen=True)
class WindowState:
    """One window for a status page. `resets_in_seconds` is 0 where it has opened again."""

    fingerprint: str
    endpoint: str
    limit: int
    remaining: int
    resets_in_seconds: float
