"""What the filter pages need of a request: the form's choices, and what was typed as a draft."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_babel import gettext as _

from sfm.filters.drafting import FilterDraft, draft_from, draft_of
from sfm.models import TwitterFilter, User
from sfm.users import credentials
from sfm.users.queries import active_users
from sfm.web.forms.filters import FilterForm

AUTOMATIC = 0


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
    draft = draft_of(found)
    return {**asdict(draft), "credential_id": draft.credential_id or AUTOMATIC}


def typed_draft(form: FilterForm) -> FilterDraft:
    """The filter as it was typed into the form."""
    return draft_from(form.data)
