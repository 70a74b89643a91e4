"""A selection as conditions: which accounts, which range of ids, what else in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from sfm.errors import NotFound
from sfm.messages import Message
from sfm.models import DayTotal, TwitterUser, TwitterUserSet, set_member
from sfm.models.account import FormerName
from sfm.networks.record import MAX_ID
from sfm.posts import bulk_sql, search_query
from sfm.posts.search_query import Node
from sfm.posts.selection import Selection
from sfm.posts.tokenizer import account_mark, language_mark

MAX_ACCOUNTS_ONE_BY_ONE = 100  # accounts that are looked through one by one


@dataclass
class Scope:
    """What has to be looked for. `accounts` None means all; `low` and `high` are ids, included."""

    selection: Selection
    accounts: tuple[int, ...] | None = None
    not_accounts: tuple[int, ...] = ()
    low: int = 0
    high: int = MAX_ID
    conditions: list[str] = field(default_factory=list)  # on columns of `item`
    params: dict[str, Any] = field(default_factory=dict)
    reads_rows: bool = False  # a condition looks at more than the index holds

    @property
    def is_empty(self) -> bool:
        return self.accounts == () or self.low > self.high

    @property
    def has_many_accounts(self) -> bool:
        """Whether there are more accounts than can be looked through one by one."""
        return self.accounts is not None and len(self.accounts) > MAX_ACCOUNTS_ONE_BY_ONE

    @property
    def node(self) -> Node | None:
        """What the full-text index has to be asked; None where it need not be."""
        node = self.selection.query.node
        groups: list[list[str]] = []
        if self.selection.lang:
            groups.append([language_mark(self.selection.lang)])
        if (
            (node is not None or groups)
            and self.accounts is not None
            and len(self.accounts) <= MAX_ACCOUNTS_ONE_BY_ONE
        ):
            groups.append([account_mark(user_id) for user_id in self.accounts])
        return search_query.with_marks(node, groups) if node is not None or groups else None


def scope_of(connection: Connection, selection: Selection) -> Scope:
    """Look up what the selection names. Raises NotFound for a set that is not there."""
    scope = Scope(selection)
    scope.accounts = _accounts(connection, selection)
    scope.not_accounts = _named(connection, selection.query.not_by)
    _bound_days(connection, scope)
    _bound_accounts(connection, scope)
    _conditions(connection, scope)
    return scope


def _accounts(connection: Connection, selection: Selection) -> tuple[int, ...] | None:
    account_ids: set[int] | None = set(selection.accounts) or None
    if selection.query.by:
        named = set(_named(connection, selection.query.by))
        account_ids = named if account_ids is None else account_ids & named
    if selection.set_id is not None:
        members = set(_members(connection, selection.set_id))
        account_ids = members if account_ids is None else account_ids & members
    return None if account_ids is None else tuple(sorted(account_ids))


def _members(connection: Connection, set_id: int) -> Iterable[int]:
    member = set_member.c
    account_ids = connection.scalars(
        select(member.twitter_user_id).where(member.set_id == set_id)
    ).all()
    if not account_ids and not connection.scalar(select(TwitterUserSet.id).filter_by(id=set_id)):
        raise NotFound(Message("There is no such set."))
    return account_ids


def _named(connection: Connection, names: tuple[str, ...]) -> tuple[int, ...]:
    """All accounts that have or had one of these names."""
    if not names:
        return ()
    before = select(FormerName.twitter_user_id).where(FormerName.lower_name.in_(names))
    either = or_(TwitterUser.lower_name.in_(names), TwitterUser.id.in_(before))
    return tuple(connection.scalars(select(TwitterUser.id).where(either)))


def _bound_days(connection: Connection, scope: Scope) -> None:
    """Days as a stretch of ids, and as a condition where ids alone cannot tell."""
    first, behind = scope.selection.moments
    if first is None and behind is None:
        return
    days = _days_between(first, behind)
    bounds = select(func.min(DayTotal.lowest_id), func.max(DayTotal.highest_id)).where(*days)
    low, high = connection.execute(bounds).one()
    if low is None:
        scope.high = -1
        return
    scope.low, scope.high = low, high
    if scope.selection.zone != "UTC" or not _is_exact_range(connection, days, low, high):
        _bound_times(connection, scope, first, behind)


def _days_between(first: datetime | None, behind: datetime | None) -> list[Any]:
    days = []
    if first is not None:
        days.append(DayTotal.day >= first.astimezone(UTC).date())
    if behind is not None:
        days.append(DayTotal.day <= (behind - timedelta(microseconds=1)).astimezone(UTC).date())
    return days


def _bound_times(
    connection: Connection, scope: Scope, first: datetime | None, behind: datetime | None
) -> None:
    stamp = bulk_sql.stamp_for(connection)
    scope.reads_rows = True
    if first is not None:
        scope.conditions.append("item.date_published >= :first")
        scope.params["first"] = stamp(first)
    if behind is not None:
        scope.conditions.append("item.date_published < :behind")
        scope.params["behind"] = stamp(behind)


def _is_exact_range(connection: Connection, days: list[Any], low: int, high: int) -> bool:
    """Whether no other day has ids in this stretch."""
    inside = (DayTotal.highest_id >= low) & (DayTotal.lowest_id <= high)
    in_selection = days[0] if len(days) == 1 else days[0] & days[1]
    other = select(DayTotal.day).where(inside, ~in_selection, DayTotal.items > 0).limit(1)
    return connection.execute(other).first() is None


def _bound_accounts(connection: Connection, scope: Scope) -> None:
    """No need to look at days when none of many accounts wrote anything."""
    if scope.accounts is None or len(scope.accounts) <= MAX_ACCOUNTS_ONE_BY_ONE or scope.is_empty:
        return
    spans = (func.max(TwitterUser.newest_item_at), func.min(TwitterUser.oldest_item_at))
    newest, oldest = connection.execute(
        select(*spans).where(TwitterUser.id.in_(scope.accounts))
    ).one()
    if newest is None or oldest is None:
        scope.accounts = ()
        return
    bounds = select(func.min(DayTotal.lowest_id), func.max(DayTotal.highest_id)).where(
        DayTotal.day >= oldest.date(), DayTotal.day <= newest.date()
    )
    low, high = connection.execute(bounds).one()
    if low is not None:
        scope.low, scope.high = max(scope.low, low), min(scope.high, high)


def _conditions(connection: Connection, scope: Scope) -> None:
    selection, conditions, params = scope.selection, scope.conditions, scope.params
    kinds = set(selection.kinds)
    if selection.retweets == "only":
        conditions.append("item.kind = 'retweet'")
    elif selection.retweets == "no":
        conditions.append("item.kind <> 'retweet'")
    if kinds:
        conditions.append(f"item.kind IN ({_listed(params, 'kind', sorted(kinds))})")
    for name, required in (("has_link", selection.has_link), ("has_media", selection.has_media)):
        if required is not None:
            conditions.append(f"item.{name}" if required else f"NOT item.{name}")
    if scope.not_accounts:
        listed = _listed(params, "not", scope.not_accounts)
        conditions.append(f"item.twitter_user_id NOT IN ({listed})")
    if selection.ids:
        params["ids"] = _ids_param(connection, selection.ids)
        conditions.append(f"item.twitter_id IN ({_ids_query(connection)})")


def _ids_query(connection: Connection) -> str:
    if bulk_sql.is_sqlite(connection):
        return "SELECT value FROM json_each(:ids)"
    return "SELECT unnest(CAST(:ids AS bigint[]))"


def _ids_param(connection: Connection, ids: tuple[int, ...]) -> Any:
    return f"[{','.join(map(str, ids))}]" if bulk_sql.is_sqlite(connection) else list(ids)


def _listed(params: dict[str, Any], name: str, values: Iterable[Any]) -> str:
    names = []
    for number, value in enumerate(values):
        params[f"{name}{number}"] = value
        names.append(f":{name}{number}")
    return ", ".join(names)
