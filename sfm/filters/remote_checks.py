"""What is asked of the network before a filter is saved or tried: uids of people, exact rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import connections, validation
from sfm.filters.account_lookup import People, find_people
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.filters.validation import BadFilter
from sfm.messages import Message
from sfm.models import TwitterFilter, User
from sfm.networks.adapter import AccountLookup, NetworkClient
from sfm.networks.errors import Wait
from sfm.networks.rules import Rule
from sfm.users import clients


def look_up(names: Iterable[str], existing: TwitterFilter | None, draft: FilterDraft) -> People:
    """The uids of the people a draft names. Rolls back: nothing is locked while X is asked."""
    known = dict(existing.uids) if existing else {}
    people = list(names)
    try:
        client = lookup_client(draft) if people else None
    except SfmError as exc:
        db.session.rollback()
        return find_people(people, known, None, exc.message)
    db.session.rollback()
    return find_people(people, known, client)


def lookup_client(draft: FilterDraft) -> AccountLookup:
    """With the credential of look-ups, else with the filter's own. Raises SfmError."""
    try:
        return clients.default_client()
    except SfmError:
        user = db.session.get(User, draft.user_id)
        if user is None:
            raise BadFilter({"user_id": Message("Choose a User.")}) from None
        source = connections.source_of_draft(draft, user, None)
        if source.credential is None:
            raise
        return clients.client_for(source.credential)


def search_client(
    twitter_filter: TwitterFilter, pause: Callable[[Wait], None] | None = None
) -> NetworkClient:
    """For trials and gaps, which cost: with what the filter connects with, and nothing else.

    Raises SfmError. `pause` as for `clients.client_for`.
    """
    source = connections.source_of_draft(
        draft_of(twitter_filter), twitter_filter.user, twitter_filter
    )
    if source.credential is None:
        return clients.installation_client(pause)
    return clients.client_for(source.credential, pause)


def check_exact_rules(draft: FilterDraft) -> None:
    """Have Twitter read the exact rules, without keeping them. Raises BadFilter with its reasons.

    Where Twitter cannot be asked now, it says what it dislikes when the stream connects.
    """
    rules = [Rule(value) for value in validation.parts_of(draft).exact]
    user = db.session.get(User, draft.user_id)
    if not rules or user is None:
        return
    try:
        source = connections.source_of_draft(draft, user, None)
        db.session.rollback()
        _, refused = connections.stream_client(source).add_rules(rules, dry_run=True)
    except SfmError:
        return
    if refused:
        raise BadFilter(
            {"rule_text": " ".join(f"“{rule.value[:60]}”: {rule.reason}" for rule in refused)}
        )
