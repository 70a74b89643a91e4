"""How complete the posts of the accounts are that an export was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from sfm.accounts import completeness
from sfm.accounts.completeness_records import records
from sfm.messages import PluralMessage
from sfm.models import set_member
from sfm.posts.selection import Selection

MAX_NAMED = 200  # accounts in the README; export.json names all


def accounts_of(connection: Connection, selection: Selection) -> tuple[dict[str, Any], ...]:
    """What is known of each account that the selection names, itself or by a set, A to Z."""
    ids = list(selection.accounts)
    if selection.set_id is not None:
        members = select(set_member.c.twitter_user_id)
        ids += connection.scalars(members.where(set_member.c.set_id == selection.set_id))
    if not ids:
        return ()
    known = records(connection, ids)
    return tuple(completeness.as_json(record) for record in known.values())


def account_lines(accounts: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each account, for the README."""
    lines = [f"@{account['account']}: {account['in_words']}" for account in accounts[:MAX_NAMED]]
    if len(accounts) > MAX_NAMED:
        further = len(accounts) - MAX_NAMED
        lines.append(
            PluralMessage(
                "… and %(num)s further account: see export.json.",
                "… and %(num)s further accounts: see export.json.",
                further,
            )
        )
    return lines
