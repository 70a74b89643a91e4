"""Lists of accounts and sets as keyset pages: A to Z, by a piece of a name, filtered and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import MultiDict

from sfm.accounts import queries, sets
from sfm.models import TwitterUser, TwitterUserSet, User
from sfm.web.pagination import Slice, SortOrder, slice_of
from sfm.web.request_limits import possible_id

A_TO_Z = 25
MATCHES = 25
MEMBERS = 50
SETS = 50
TABLE = 50

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
UNCONFIRMED = "unconfirmed"  # Twitter says that they are gone, and that is not confirmed yet
STATES = ("ok", "protected", "suspended", "not_found", UNCONFIRMED)

BY_NAME = (TwitterUser.lower_name, TwitterUser.id)
NEWEST = func.coalesce(TwitterUser.newest_item_at, LONG_AGO)
# A client chooses a word; the columns are ours. Where a value may be missing, the oldest stands in.
SORTS: dict[str, tuple[tuple[Any, ...], tuple[type, ...]]] = {
    "name": (BY_NAME, (str, int)),
    "tweets": ((TwitterUser.items_count, TwitterUser.id), (int, int)),
    "newest": (
        (func.coalesce(TwitterUser.newest_item_at, LONG_AGO), TwitterUser.id),
        (datetime, int),
    ),
    "added": ((TwitterUser.added_at, TwitterUser.id), (datetime, int)),
}


def a_to_z(letter: str, token: str | None) -> Slice[TwitterUser]:
    """One page of the accounts whose name begins with this letter (all where it is empty)."""
    order = SortOrder(f"a-z {letter}", BY_NAME, (str, int))
    return slice_of(queries.beginning_with(letter), order, token, A_TO_Z)


def matching(query: str, token: str | None) -> Slice[TwitterUser]:
    """One page of the accounts that have or had this piece of a name."""
    order = SortOrder("search", BY_NAME, (str, int))
    return slice_of(queries.matching(query), order, token, MATCHES)


def members_of(set_id: int, token: str | None) -> Slice[TwitterUser]:
    """One page of a set's members."""
    return slice_of(
        sets.members_of(set_id), SortOrder(f"set {set_id}", BY_NAME, (str, int)), token, MEMBERS
    )


def sets_of(reader: User, text: str, token: str | None) -> Slice[TwitterUserSet]:
    """One page of the sets that a User may see."""
    statement = sets.list_sets(reader, text).options(joinedload(TwitterUserSet.owner))
    order = SortOrder("sets", (func.lower(TwitterUserSet.name), TwitterUserSet.id), (str, int))
    return slice_of(statement, order, token, SETS)


@dataclass(frozen=True)
class AccountFilter:
    """What the table of accounts is narrowed to, and its order; as the address says."""

    q: str = ""
    active: str = ""
    state: str = ""
    set_id: int = 0
    sort: str = "name"

    @classmethod
    def from_args(cls, args: MultiDict[str, str]) -> AccountFilter:
        """Out of an address; what means nothing there is left out."""
        sort = args.get("sort", "")
        return cls(
            q=args.get("q", "").strip()[:200],
            active=args.get("active", "") if args.get("active") in {"yes", "no"} else "",
            state=args.get("state", "") if args.get("state") in STATES else "",
            set_id=args.get("set", 0, type=possible_id),
            sort=sort if sort.removeprefix("-") in SORTS else "name",
        )

    @property
    def is_narrow(self) -> bool:
        return bool(self.q or self.active or self.state or self.set_id)


def accounts_table(account_filter: AccountFilter, token: str | None) -> Slice[TwitterUser]:
    """One page of the accounts as filtered and sorted."""
    unconfirmed = account_filter.state == UNCONFIRMED
    accounts = queries.filtered(
        account_filter.q,
        is_active=account_filter.active == "yes" if account_filter.active else None,
        state="" if unconfirmed else account_filter.state,
        gone_unconfirmed=unconfirmed,
        set_id=account_filter.set_id or None,
    )
    columns, types = SORTS[account_filter.sort.removeprefix("-")]
    descending = account_filter.sort.startswith("-")
    order = SortOrder(account_filter.sort, columns, types, descending=descending)
    return slice_of(accounts, order, token, TABLE)
