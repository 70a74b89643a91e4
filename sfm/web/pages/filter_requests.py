"""What the filter pages need of a request: the form's choices, and what was typed as a draft."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from sfm.extensions import settings
from sfm.filters import connections
from sfm.filters.drafting import FilterDraft, draft_from, draft_of
from sfm.models import TwitterFilter, User
from sfm.users import credentials
from sfm.users.queries import active_users
from sfm.web.forms.filters import FilterForm

AUTOMATIC, INSTALLATION = 0, -1


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
    form.credential_id.choices = [
        SelectChoice(AUTOMATIC, _("the one that fits")),
        *_tokens_of(users),
        *_installation_token(users),
    ]


def _tokens_of(users: list[User]) -> list[SelectChoice]:
    """Each User's app tokens; those that would be refused are greyed out, with why."""
    choices = []
    for user in users:
        for token in credentials.of_user(user):
            if token.kind == credentials.BEARER:
                name = f"{user.username}: {token.label or _('app token')}"
                choices.append(_choice(token.id, name, connections.is_sample_user(user)))
    return choices


def _installation_token(users: list[User]) -> list[SelectChoice]:
    if not settings().twitter_bearer_token:
        return []
    allowed = [user for user in users if user.may_use_installation_token]
    if not allowed:
        return []
    taken = bool(connections.sample_conflict(connections.installation_source(allowed[0])))
    return [_choice(INSTALLATION, _("the installation's app token"), taken)]


def _choice(number: int, name: str, serves_sample: bool) -> SelectChoice:
    if not serves_sample:
        return SelectChoice(number, name)
    label = _("%(name)s (serves streamsample, so no active filter)", name=name)
    return SelectChoice(number, label, render_kw={"disabled": True})


def filled_with(found: TwitterFilter) -> dict[str, Any]:
    """A saved filter as the form's data."""
    draft = draft_of(found)
    stored = INSTALLATION if draft.uses_installation_token else draft.credential_id
    return {**asdict(draft), "credential_id": stored or AUTOMATIC}


def typed_draft(form: FilterForm) -> FilterDraft:
    """The filter as it was typed into the form."""
    number = form.credential_id.data
    is_installation = number == INSTALLATION
    return draft_from(
        {
            **form.data,
            "credential_id": None if is_installation else number,
            "uses_installation_token": is_installation,
        }
    )
