"""Counting what is read, because it is paid for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Meter:
    """Takes every call with what it read, for the present UTC day. Must not raise.

    Posts and users are those asked for (`data`), not those that come along (`includes`): X does
    not say whether the latter are billed. A meter may gather counts until what they brought is
    stored, and write them with that; the others have nothing to do in `write` and `settle`.
    """

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's count."""
        raise NotImplementedError

    def joined(self) -> AbstractContextManager[None]:
        """Around a transaction that calls `write`, up to its commit."""
        return nullcontext()

    def write(self, connection: Any) -> None:
        """Write what was gathered, in the caller's transaction."""

    def settle(self) -> None:
        """Write what was gathered now: nothing is stored for it, or not soon."""
