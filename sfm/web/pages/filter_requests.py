"""What the filter pages need of a request: its form, who may connect, and clients to ask with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from sfm.database import db
from sfm.errors import SfmError, WrongInput
from sfm.filters import connections, validation
from sfm.filters.connections import CredentialSource
from sfm.filters.user_lookup import People, find_people
from sfm.filters.validation import BadFilter, FilterDraft, RuleParts
from sfm.models import Credential, TwitterFilter, User
from sfm.networks.adapter import AccountLookup, RecentSearch
from sfm.twitter.boxes import tiles
from sfm.twitter.rules import MOST_RULES, Rule
from sfm.users import clients, credentials
from sfm.users.queries import active_users
from sfm.web.forms.filters import FilterForm

AUTOMATIC = 0


@dataclass(frozen=True)
class Preview:
    """What a draft becomes: its rules, and how much of each limit it takes."""

    rules: tuple[Rule, ...]
    counts: tuple[tuple[str, int, int], ...]
    not_looked_up: tuple[str, ...]


def choose(form: FilterForm, reader: User, found: TwitterFilter | None) -> None:
    """Fill in the Users and app tokens that this reader may choose."""
    users = [reader]
    if reader.is_superuser:
        users = list(active_users())
    if found is not None and found.user_id not in [user.id for user in users]:
        users.append(found.user)
    form.user_id.choices = [(user.id, user.username) for user in users]
    if form.user_id.data is None:
        form.user_id.data = found.user_id if found else reader.id
    tokens = [
        (one.id, f"{user.username}: {one.label or _('app token')}")
        for user in users
        for one in credentials.of_user(user)
        if one.kind == credentials.BEARER
    ]
    form.credential_id.choices = [(AUTOMATIC, _("the one that fits")), *tokens]


def filled_with(found: TwitterFilter) -> dict[str, Any]:
    """A saved filter as the form's data."""
    names = ("name", "user_id", "words", "people", "locations", "rule_text", "notes", "is_active")
    values = {name: getattr(found, name) for name in names}
    return {**values, "credential_id": found.credential_id or AUTOMATIC}


def draft_from(form: FilterForm) -> FilterDraft:
    """The filter as it was typed."""
    return FilterDraft(
        name=form.name.data or "",
        user_id=form.user_id.data,
        credential_id=form.credential_id.data or None,
        words=form.words.data or "",
        people=form.people.data or "",
        locations=form.locations.data or "",
        rule_text=form.rule_text.data or "",
        notes=form.notes.data or "",
        is_active=bool(form.is_active.data),
    )


def preview(draft: FilterDraft, found: TwitterFilter | None) -> Preview:
    """The rules of a draft, by what is known without asking Twitter. Raises BadFilter."""
    parts = validation.parts_of(draft)
    known = {name.lower(): uid for name, uid in (found.uids if found else {}).items()}
    missing = tuple(name for name in parts.names if name.lower() not in known)
    # A uid that is not known yet is taken as long as any.
    uids = [known.get(name.lower(), 10**18 + n) for n, name in enumerate(parts.names)]
    rules = validation.rules_for(parts, uids)
    return Preview(rules, _counts(parts, rules), missing)


def _counts(parts: RuleParts, rules: tuple[Rule, ...]) -> tuple[tuple[str, int, int], ...]:
    try:
        small_boxes = len(tiles(parts.boxes))
    except WrongInput:
        small_boxes = 0
    return (
        ("phrases", len(parts.phrases), validation.MOST_PHRASES),
        ("people", len(parts.names), validation.MOST_PEOPLE),
        ("boxes", len(parts.boxes), validation.MOST_BOXES),
        ("boxes of 40 km as Twitter takes them", small_boxes, 0),
        ("rules", len(rules), MOST_RULES),
    )


def look_up(names: Iterable[str], found: TwitterFilter | None, draft: FilterDraft) -> People:
    """The uids of the people, asked at once; nothing in the database is locked meanwhile."""
    known = dict(found.uids) if found else {}
    wanted = list(names)
    try:
        client = lookup_client(draft) if wanted else None
    except SfmError as exc:
        db.session.rollback()
        return find_people(wanted, known, None, exc.message)
    db.session.rollback()
    return find_people(wanted, known, client)


def lookup_client(draft: FilterDraft) -> AccountLookup:
    """With the credential of look-ups, else with the filter's own. Raises SfmError."""
    try:
        return clients.default_client()
    except SfmError:
        user = db.session.get(User, draft.user_id)
        if user is None:
            raise BadFilter({"user_id": "Choose a User."}) from None
        source = _source_of(user, draft)
        if source.credential is None:
            raise
        return clients.client_for(source.credential)


def _source_of(user: User, draft: FilterDraft) -> CredentialSource:
    """What the filter will be collected with. Raises NoStreamCredential."""
    chosen = db.session.get(Credential, draft.credential_id) if draft.credential_id else None
    return connections.source_of(user, chosen)


def search_client(found: TwitterFilter) -> RecentSearch:
    """With the filter's own credential, else with the installation's. Raises SfmError."""
    source = connections.source_of_filter(found)
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
            {"rule_text": " ".join(f"“{one.value[:60]}”: {one.reason}" for one in refused)}
        )
