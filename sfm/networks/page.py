"""What one answer of a network holds: posts, accounts, counts, and what it could not give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from sfm.networks.errors import AccountProblem, AccountState
from sfm.networks.record import Account, Post

BROKEN_PAGING = "broken-paging"  # kind of the problem that breaks a chain of pages off

ProblemState = AccountState | Literal["field", "other"]


class PostRecord(msgspec.Struct, frozen=True, gc=False):
    """One post as received (self-contained) and as read."""

    raw: bytes
    post: Post


class RefusedElement(msgspec.Struct, frozen=True, gc=False):
    """One element that is no post we can keep, and why."""

    raw: bytes
    reason: str
    message: str


class PartialError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an answer could not give: which resource, and in what state it is.

    `kind` is the network's own short word for the error.
    """

    kind: str = ""
    state: ProblemState = "other"
    resource_type: str = ""
    resource_id: str = ""
    value: str = ""
    parameter: str = ""
    section: str = ""
    title: str = ""
    detail: str = ""


class PageMeta(msgspec.Struct, frozen=True):
    """What the page says of itself."""

    result_count: int | None = None
    newest_id: int | None = None
    oldest_id: int | None = None
    next_token: str | None = None
    previous_token: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One answer: its posts in the order received, and everything that was not given.

    `unclaimed` are included objects that no post of the page points to.
    """

    records: tuple[PostRecord, ...] = ()
    meta: PageMeta = PageMeta()
    problems: tuple[PartialError, ...] = ()
    refused: tuple[RefusedElement, ...] = ()
    unclaimed: tuple[bytes, ...] = ()

    @property
    def delivered(self) -> int:
        """How many posts the answer held, those that cannot be kept too: each is paid for."""
        return len(self.records) + len(self.refused)

    @property
    def posts(self) -> tuple[Post, ...]:
        return tuple(record.post for record in self.records)


@dataclass(frozen=True)
class AccountBatch:
    """Accounts that a look-up gave, and for each other one that was asked for the reason.

    A problem's `subject` is the name or uid as it was asked for.
    """

    accounts: tuple[Account, ...]
    problems: tuple[AccountProblem, ...]


@dataclass(frozen=True)
class CountBucket:
    """Posts counted in one span of time."""

    start: datetime
    end: datetime
    posts: int


@dataclass(frozen=True)
class Counts:
    """How many posts match, in all and over time (oldest first)."""

    total: int
    buckets: tuple[CountBucket, ...]
