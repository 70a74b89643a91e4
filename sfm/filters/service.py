"""Saves, activates, holds and deletes filters. Flushes; the caller commits, then calls
`reconcile.apply`: nothing here speaks to supervisord or to Twitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, SfmError
from sfm.filters import connections, coverage_due
from sfm.filters.account_lookup import People
from sfm.filters.criteria import criteria_of
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.filters.rule_sum import check_sum
from sfm.filters.validation import BadFilter, parts_of, rules_for
from sfm.messages import Message
from sfm.models import Credential, TwitterFilter, User
from sfm.networks.rules import Rule

DUE = "due"
TICK = timedelta(microseconds=1)
_AUDITED = (
    "name", "user_id", "credential_id", "uses_installation_token", "words", "people", "locations",
    "rule_text",
)  # fmt: skip


def by_id(filter_id: int, reader: User | None = None) -> TwitterFilter:
    """A filter that the reader may see; any for None. Raises NotFound, also for somebody else's."""
    statement = select(TwitterFilter).where(TwitterFilter.id == filter_id)
    if reader is not None:
        statement = statement.where(reader.may_see(TwitterFilter.user_id))
    twitter_filter = db.session.scalar(statement)
    if twitter_filter is None:
        raise NotFound(Message("There is no such filter."))
    return twitter_filter


def save(
    draft: FilterDraft, people: People, existing: TwitterFilter | None = None
) -> TwitterFilter:
    """Save a new or an existing filter. Flushes. Raises BadFilter with a sentence for each field.

    A filter that is active also needs a credential that no other stream holds; it is stored, and
    no other is ever taken in its place.
    """
    rules = rules_for(parts_of(draft), people.uids.values())
    draft = _of_another_user(draft, existing)
    user = _checked_user(draft, existing)
    _check_name(draft.name, existing)
    draft = _with_credential(draft, user, existing, rules)
    before = _values(existing) if existing else None
    listened_for = criteria_of(existing) if existing else None
    saved = existing or TwitterFilter()
    was = _state(existing) if existing else ""
    for name in (*_AUDITED, "notes", "is_active"):
        setattr(saved, name, getattr(draft, name))
    saved.name = " ".join(draft.name.split())
    saved.uids = people.uids
    saved.people_not_found = list(people.not_found)
    _changed(saved)
    if criteria_of(saved) != listened_for:
        saved.criteria_since = clock.now()
    saved.held_at = saved.held_by_id = None
    db.session.add(saved)
    db.session.flush()
    _note_state(saved, was)
    coverage_due.note_version(saved)
    audit.record(
        "filter.changed" if existing else "filter.added",
        kind="filter", subject_id=saved.id, subject=saved.name, before=before, after=_values(saved),
    )  # fmt: skip
    return saved


def activate(twitter_filter: TwitterFilter) -> None:
    """Let a filter collect again. Flushes. Raises BadFilter where it could not be saved so."""
    draft = draft_of(twitter_filter, is_active=True)
    rules = rules_for(parts_of(draft), twitter_filter.uids.values())
    draft = _with_credential(draft, twitter_filter.user, twitter_filter, rules)
    was = _state(twitter_filter)
    twitter_filter.credential_id = draft.credential_id
    twitter_filter.uses_installation_token = draft.uses_installation_token
    twitter_filter.is_active = True
    twitter_filter.held_at = twitter_filter.held_by_id = None
    _note_state(twitter_filter, was)
    _note(twitter_filter, "filter.activated")


def deactivate(twitter_filter: TwitterFilter, cause: str = coverage_due.NOT_ACTIVE) -> None:
    """End a filter's collection; its files stay. Flushes. Always allowed.

    `cause`: what the ledger says of it; coverage_due.USER_DEACTIVATED where its User was.
    """
    was = _state(twitter_filter)
    twitter_filter.is_active = False
    twitter_filter.held_at = twitter_filter.held_by_id = None
    _note_state(twitter_filter, was, cause)
    _note(twitter_filter, "filter.deactivated")


def hold(twitter_filter: TwitterFilter, by: User) -> None:
    """Stop an active filter's process until somebody starts it again. Flushes."""
    was = _state(twitter_filter)
    twitter_filter.held_at, twitter_filter.held_by_id = clock.now(), by.id
    _note_state(twitter_filter, was)
    _note(twitter_filter, "process.stopped")


def release(twitter_filter: TwitterFilter, action: str = "process.started") -> None:
    """Let a held process run again. Flushes."""
    was = _state(twitter_filter)
    twitter_filter.held_at = twitter_filter.held_by_id = None
    _note_state(twitter_filter, was)
    _note(twitter_filter, action)


def delete(twitter_filter: TwitterFilter) -> None:
    """Delete a filter. Its files, their manifest and the list of its gaps stay. Flushes."""
    coverage_due.end(twitter_filter, coverage_due.DELETED)
    _changed(twitter_filter)
    coverage_due.end_version(twitter_filter)
    audit.record(
        "filter.deleted", kind="filter", subject_id=twitter_filter.id, subject=twitter_filter.name,
        before=_values(twitter_filter),
    )  # fmt: skip
    db.session.delete(twitter_filter)
    db.session.flush()


def revision(twitter_filter: TwitterFilter) -> int:
    """A number that grows when the filter changes: microseconds since 1970."""
    return int(twitter_filter.changed_at.timestamp() * 1_000_000)


def _checked_user(draft: FilterDraft, existing: TwitterFilter | None) -> User:
    """Who is not active may keep a filter that is not active, and its words may be edited."""
    user = db.session.get(User, draft.user_id)
    if user is None:
        raise BadFilter(
            {"user_id": Message("Choose the User whose credentials the filter connects with.")}
        )
    keeps = existing is not None and existing.user_id == user.id and not draft.is_active
    if not user.is_active and not keeps:
        raise BadFilter(
            {
                "user_id": Message(
                    "%(username)s is not active. Choose another User, or leave the filter "
                    "inactive.",
                    username=user.username,
                )
            }
        )
    if draft.credential_id is not None:
        credential = db.session.get(Credential, draft.credential_id)
        if credential is None or credential.user_id != user.id:
            raise BadFilter(
                {
                    "credential_id": Message(
                        "This app token is not one of %(username)s's. Choose one of theirs, or "
                        "“the one that fits”.",
                        username=user.username,
                    )
                }
            )
    return user


def _check_name(name: str, existing: TwitterFilter | None) -> None:
    tidy = " ".join(name.split())
    other = db.session.scalar(select(TwitterFilter).where(TwitterFilter.name == tidy))
    if other is not None and other is not existing:
        raise BadFilter(
            {"name": Message("There is a filter of this name already; choose another.")}
        )


def _of_another_user(draft: FilterDraft, existing: TwitterFilter | None) -> FilterDraft:
    """Where only the User was changed, what was stored for the former one is no choice."""
    if existing is None or existing.user_id == draft.user_id:
        return draft
    stored = (existing.credential_id, existing.uses_installation_token)
    if (draft.credential_id, draft.uses_installation_token) != stored:
        return draft
    return replace(draft, credential_id=None, uses_installation_token=False)


def _with_credential(
    draft: FilterDraft, user: User, existing: TwitterFilter | None, rules: Sequence[Rule]
) -> FilterDraft:
    """The draft with the credential that it is to connect with. Raises BadFilter where an active
    filter has none, another stream holds it, or the rules do not fit beside those of others."""
    if not draft.is_active:
        return draft
    filter_id = existing.id if existing else None
    try:
        source = connections.source_of_draft(draft, user, existing)
        connections.check_free(user, source, filter_id)
    except SfmError as exc:
        raise BadFilter({"user_id": exc.message}) from exc
    check_sum(rules, source.fingerprint, filter_id)
    credential = source.credential
    return replace(
        draft,
        credential_id=credential.id if credential else None,
        uses_installation_token=credential is None,
    )


def _state(twitter_filter: TwitterFilter) -> str:
    """What keeps a filter from being collected: coverage_due.NOT_ACTIVE or STOPPED; DUE for one
    that is to be collected."""
    if not twitter_filter.is_active:
        return coverage_due.NOT_ACTIVE
    return DUE if twitter_filter.held_at is None else coverage_due.STOPPED


def _note_state(twitter_filter: TwitterFilter, before: str, cause: str = "") -> None:
    """After a change of what is wanted: from when on it is due, or not, and for which cause.
    Flushes."""
    state = _state(twitter_filter)
    if state == before:
        return
    if state != DUE:
        coverage_due.end(twitter_filter, cause or state)
        return
    twitter_filter.active_since = clock.now()
    begun = coverage_due.STARTED if before == coverage_due.STOPPED else coverage_due.ACTIVATED
    coverage_due.begin(twitter_filter, begun if before else coverage_due.CREATED)


def _changed(twitter_filter: TwitterFilter) -> None:
    """Later than before, also where the clock was set back or saves come fast."""
    before = twitter_filter.changed_at
    now = clock.now()
    twitter_filter.changed_at = max(now, before + TICK) if before else now


def _note(twitter_filter: TwitterFilter, action: str) -> None:
    _changed(twitter_filter)
    db.session.flush()
    coverage_due.note_version(twitter_filter)
    audit.record(action, kind="filter", subject_id=twitter_filter.id, subject=twitter_filter.name)


def _values(twitter_filter: TwitterFilter) -> dict[str, Any]:
    values = {name: getattr(twitter_filter, name) for name in _AUDITED}
    return {**values, "is_active": twitter_filter.is_active}
