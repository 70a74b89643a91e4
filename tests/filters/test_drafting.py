"""What was typed becomes a draft in one place, for every way in and for every use."""

from __future__ import annotations

from dataclasses import asdict

from werkzeug.datastructures import MultiDict

from sfm.filters.criteria import criteria_of, filter_from
from sfm.filters.drafting import FIELDS, FilterDraft, draft_from, draft_of
from sfm.filters.preview import preview
from sfm.filters.validation import parts_of, search_plan, stream_rules
from sfm.models import TwitterFilter
from sfm.web.forms.filters import FilterForm
from sfm.web.pages.filter_requests import filled_with, typed_draft

TYPED = {
    "name": "Floods", "user_id": 7, "credential_id": 3, "uses_installation_token": False,
    "words": "flood\nstorm surge", "people": "", "locations": "-74,40,-73.9,40.1",
    "rule_text": "river lang:en",
    "notes": "for the archive", "is_active": True,
}  # fmt: skip


def test_every_field_of_a_draft_is_taken_from_what_was_typed() -> None:
    assert set(TYPED) == set(FIELDS)
    assert asdict(draft_from(TYPED)) == TYPED
    assert draft_from({"user_id": 7, "credential_id": 0}) == FilterDraft("", 7)


def test_page_command_and_saved_filter_give_one_draft(app: object) -> None:
    saved = TwitterFilter(**TYPED)
    assert draft_of(saved) == draft_from(TYPED)
    assert draft_of(saved, is_active=False) == draft_from(TYPED | {"is_active": False})
    with app.test_request_context():  # type: ignore[attr-defined]
        form = FilterForm(MultiDict({name: str(value) for name, value in TYPED.items()}))
        assert typed_draft(form) == draft_from(TYPED)
        assert typed_draft(FilterForm(data=filled_with(saved))) == draft_from(TYPED)


def test_preview_stream_and_search_read_a_draft_alike() -> None:
    draft = draft_from(TYPED)
    saved = TwitterFilter(**TYPED, uids={})
    shown = preview(draft, None)
    assert shown.rules == stream_rules(saved) == stream_rules(filter_from(criteria_of(saved)))
    assert set(search_plan(saved).queries) == {rule.value for rule in shown.rules}
    assert len(parts_of(draft).exact) == 1
