"""Sentences that carry their msgid and values: they read as English and keep both."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from sfm.database import db
from sfm.errors import BadSetting, WrongInput
from sfm.messages import Message, PluralMessage, join_messages, pack, unpack

GONE = Message("There is no set “%(name)s” of %(count)s.", name="100 %", count=3)


def test_reads_as_english_and_keeps_msgid_and_values() -> None:
    assert GONE == "There is no set “100 %” of 3."
    assert GONE.msgid == "There is no set “%(name)s” of %(count)s."
    assert GONE.values == {"name": "100 %", "count": 3}
    assert Message("100% of it.") == "100% of it."
    assert Message("In %(folder)s.", folder=Path("a")).values == {"folder": "a"}


def test_a_value_may_be_a_sentence_itself() -> None:
    outer = Message("Saved. %(reason)s", reason=GONE)
    assert outer == f"Saved. {GONE}"
    assert outer.values["reason"] is GONE
    assert join_messages([GONE, "Yes."], ", ") == f"{GONE}, Yes."


def test_a_plural_has_a_form_for_one_and_one_for_many() -> None:
    one, many = (PluralMessage("%(num)s set of %(n)s", "%(num)s sets", k, n="x") for k in (1, 1234))
    assert (one, many) == ("1 set of x", "1,234 sets")
    assert (many.msgid, many.plural, many.num) == ("%(num)s set of %(n)s", "%(num)s sets", 1234)
    for copied in (pickle.loads(pickle.dumps(many)), copy.deepcopy(many), unpack(pack(many))):
        assert isinstance(copied, PluralMessage)
        assert (copied, copied.plural, copied.num) == (many, many.plural, many.num)
    inner = unpack(pack(Message("Of %(sets)s.", sets=one)))
    assert isinstance(inner, Message)
    assert isinstance(inner.values["sets"], PluralMessage)


def test_survives_pickle_copy_and_json() -> None:
    for copied in (pickle.loads(pickle.dumps(GONE)), copy.copy(GONE), copy.deepcopy(GONE)):
        assert (copied, copied.msgid, copied.values) == (GONE, GONE.msgid, GONE.values)
    assert json.loads(json.dumps({"reason": GONE})) == {"reason": str(GONE)}


def test_both_databases_take_it_as_text(app: Flask) -> None:
    assert db.session.scalar(text("SELECT CAST(:reason AS text)"), {"reason": GONE}) == GONE


def test_an_error_keeps_the_message() -> None:
    assert WrongInput(GONE).message is GONE
    assert str(WrongInput(GONE)) == GONE
    assert str(BadSetting("SFM_NAME", "takes text")) == "SFM_NAME: takes text"
