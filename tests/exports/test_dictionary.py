"""The data dictionary is made of the columns' own definitions, and is up to date everywhere."""

from __future__ import annotations

import csv
import io

import pytest

from sfm.errors import WrongInput
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.columns.column import needed_fields
from sfm.exports.columns.dictionary import as_csv, as_markdown
from sfm.exports.columns.extended import EXTENDED
from sfm.exports.format import ALL_COLUMNS, columns_named, with_companions
from sfm.exports.readers.database import FINAL_URLS
from sfm.models import TwitterUserItem
from tests.conftest import ROOT


def test_the_page_of_the_docs_is_up_to_date() -> None:
    written = (ROOT / "docs/data-dictionary.md").read_text(encoding="utf-8")
    assert written == as_markdown(), "run `make docs`"


def test_every_column_has_words_for_people_and_a_name_of_its_own() -> None:
    assert len(ALL_COLUMNS) == len(CLASSIC) + len(EXTENDED)
    for column in ALL_COLUMNS.values():
        assert column.title
        assert column.description.endswith("."), column.name
        assert column.name == column.name.lower()


def test_every_column_is_made_of_fields_that_are_stored() -> None:
    stored = set(TwitterUserItem.__table__.columns.keys()) | {FINAL_URLS}
    assert set(needed_fields(ALL_COLUMNS.values())) <= stored
    assert "item_json" not in needed_fields(ALL_COLUMNS.values()), "exports parse no JSON again"


def test_the_dictionary_of_a_package_holds_exactly_its_columns() -> None:
    chosen = with_companions(columns_named(["lang", "twitter_id"]))
    rows = list(csv.DictReader(io.StringIO(as_csv(chosen), newline="")))
    assert [row["column"] for row in rows] == ["lang", "twitter_id", "twitter_id_as_text"]


def test_sets_of_columns_can_be_mixed_with_names() -> None:
    assert columns_named(["classic"]) == CLASSIC
    assert columns_named(["extended"]) == (*CLASSIC, *EXTENDED)
    assert [one.name for one in columns_named(["lang", "classic"])][:2] == ["lang", "sfm_id"]
    assert columns_named(["text", "extended"])[0].name == "text"
    for wrong in (["nonsense"], [], ["text", "text"]):
        with pytest.raises(WrongInput):
            columns_named(wrong)
