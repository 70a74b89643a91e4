"""What is asked of the network before a filter is saved or tried: uids of people, exact rules."""

from __future__ import annotations

from collections.abc import Iterable

from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import connections, validation
from sfm.filters.account_lookup import People, find_people
from sfm.filters.connections import CredentialSource
from sfm.filters.drafting import FilterDraft
from sfm.filters.validation import BadFilter
from sfm.messages import Message
from sfm.models import Credential, TwitterFilter, User
from sfm.networks.adapter import AccountLookup, RecentSearch
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
        source = _source_of(user, draft)
        if source.credential is None:
            raise
        return clients.client_for(source.credential)


def _source_of(user: User, draft: FilterDraft) -> CredentialSource:
    """What the filter will be collected with. Raises NoStreamCredential."""
    credential = db.session.get(Credential, draft.credential_id) if draft.credential_id else None
    return connections.source_of(user, credential)


def search_client(twitter_filter: TwitterFilter) -> RecentSearch:
    """With the filter's own credential, else with the installation's. Raises SfmError."""
    source = connections.source_of_filter(twitter_filter)
    if source.credential is None:
        return clients.default_client()
    return clients.client_for(source.credential)


def check_exact_rules(draft: FilterDraft) -> None:
    """Have Twitter read the exact rules, without keeping them. Raises BadFilter with its reasons.

    Where Twitter cannot be asked now, it says what it dislikes when the stream connects.
    """
    rules = [Rule(value) for value in validation.parts_of(draft).exact]
    user = db.session.get(User, draft.user_id)
    if not rules or user is None:
        return
    try:
        source = _source_of(user, draft)
        db.session.rollback()
        _, refused = connections.stream_client(source).add_rules(rules, dry_run=True)
    except SfmError:
        return
    if refused:
        raise BadFilter(
            {"rule_text": " ".join(f"“{rule.value[:60]}”: {rule.reason}" for rule in refused)}
        )
