"""A filter as typed: the one conversion from what was typed, or is saved, to a FilterDraft.

Pages, commands and other ways in hand over plain values; saving (`service.save`), the preview
(`preview.preview`) and the dry run all begin with the draft. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sfm.models import TwitterFilter


@dataclass(frozen=True)
class FilterDraft:
    """A filter as typed. `credential_id` None: the installation's token, or what fits best."""

    name: str
    user_id: int
    credential_id: int | None = None
    uses_installation_token: bool = False
    words: str = ""
    people: str = ""
    locations: str = ""
    rule_text: str = ""
    notes: str = ""
    is_active: bool = True


FIELDS = tuple(field.name for field in fields(FilterDraft))
_TEXTS = ("name", "words", "people", "locations", "rule_text", "notes")


def draft_from(typed: Mapping[str, Any]) -> FilterDraft:
    """The draft of these values, by the names of its fields; others are passed over.

    Absent texts are empty, an absent or 0 `credential_id` is None. Checks nothing: that is
    `validation.parts_of`.
    """
    return FilterDraft(
        user_id=typed["user_id"],
        credential_id=typed.get("credential_id") or None,
        uses_installation_token=bool(typed.get("uses_installation_token")),
        is_active=bool(typed.get("is_active", True)),
        **{name: typed.get(name) or "" for name in _TEXTS},
    )


def draft_of(twitter_filter: TwitterFilter, *, is_active: bool | None = None) -> FilterDraft:
    """A saved filter as it would be typed; with `is_active`, as if it were so."""
    typed = {name: getattr(twitter_filter, name) for name in FIELDS}
    if is_active is not None:
        typed["is_active"] = is_active
    return draft_from(typed)
