"""Lists of names: every line gets its verdict before anything is saved."""

from __future__ import annotations

import json

import msgspec
import pytest
from sqlalchemy import func, select

from sfm.accounts import list_import, sets
from sfm.accounts import names as account_names
from sfm.accounts.list_import import ImportOutcome, ImportPreview
from sfm.database import begin_write, db
from sfm.errors import WrongInput
from sfm.models import TwitterUser, User
from sfm.networks.errors import CredentialProblem
from sfm.sandbox.server import Sandbox
from sfm.twitter.client import Client
from tests.collecting import added

LINES = """\ufeffFerryNotes
@harborcouncil

spam_fountain
gone_fishing_9
quiet_keeper
nobody_at_all
ferrynotes
not a name
oldname
millbrook_lib
<script>alert(1)</script>
tideline_news
""".splitlines()

VERDICTS = [
    (1, "new"),
    (2, "new"),
    (4, "suspended"),
    (5, "not_found"),
    (6, "protected"),
    (7, "not_found"),
    (8, "twice"),
    (9, "not_a_name"),
    (10, "renamed"),
    (11, "already_here"),
    (12, "not_a_name"),
    (13, "renamed"),
]


@pytest.fixture
def made(twitter: Client, sandbox: Sandbox) -> ImportPreview:
    """A plan for LINES, where some of them are here already."""
    added(twitter, "millbrook_lib")
    drada = added(twitter, "drada_mensah")
    tideline = added(twitter, "tideline_news")
    begin_write()
    account_names.rename(drada, "oldname")
    account_names.rename(drada, "drada_mensah")
    tideline.name = "tideline_live"
    db.session.commit()
    sandbox.site.served.clear()
    return list_import.preview(twitter, LINES)


def test_every_line_has_its_verdict_and_nothing_is_saved(
    made: ImportPreview, sandbox: Sandbox
) -> None:
    assert [(line.number, line.verdict) for line in made.lines] == VERDICTS
    assert all(line.message for line in made.lines if line.verdict != "new")
    assert db.session.scalar(select(func.count()).select_from(TwitterUser)) == 3
    assert len(sandbox.served) == made.cost.calls == 1
    assert made.cost.users == 9
    assert sum(made.counts().values()) == len(VERDICTS)


def test_the_cost_is_known_without_asking(sandbox: Sandbox) -> None:
    lines = list_import.read_lines([f"name{n}" for n in range(250)] + ["name1", "not a name"])
    cost = list_import.cost_of(lines)
    assert (cost.calls, cost.users, cost.cents) == (3, 250, 250.0)
    assert sandbox.served == []


def test_a_plan_survives_being_written_down(made: ImportPreview) -> None:
    again = msgspec.json.decode(msgspec.json.encode(made, enc_hook=str), type=ImportPreview)
    assert again == made


def test_carrying_out_adds_what_is_new_and_fills_the_set(made: ImportPreview, reader: User) -> None:
    mine = sets.create(reader, "Mine")
    db.session.commit()
    done = ImportOutcome()
    for piece in list_import.pieces(made):
        begin_write()
        done += list_import.import_lines(
            piece,
            into=mine,
            active=False,
            added_by_id=reader.id,
            verdicts=list_import.WITH_PROTECTED,
        )
        db.session.commit()
    assert done == ImportOutcome(added=3, renamed=1, put_into_set=6)
    names = {user.name: user for user in db.session.scalars(select(TwitterUser))}
    assert set(names) == {
        "millbrook_lib", "drada_mensah", "tideline_news", "FerryNotes", "HarborCouncil",
        "quiet_keeper",
    }  # fmt: skip
    assert not names["FerryNotes"].is_active
    assert names["FerryNotes"].added_by_id == reader.id
    assert names["millbrook_lib"].is_active
    assert set(names) == {member.name for member in mine.members}


def test_a_plan_carried_out_twice_changes_nothing_more(made: ImportPreview) -> None:
    begin_write()
    list_import.import_lines(made.lines)
    db.session.commit()
    begin_write()
    assert list_import.import_lines(made.lines) == ImportOutcome()
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(TwitterUser)) == 5, (
        "a protected one needs a word"
    )


def test_a_refused_key_ends_the_plan(twitter: Client, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("unauthorized")
    with pytest.raises(CredentialProblem):
        list_import.preview(twitter, LINES)
    assert fault.fired == 1


def test_too_long_a_list_is_refused_before_anybody_is_asked(
    twitter: Client, sandbox: Sandbox
) -> None:
    with pytest.raises(WrongInput, match="50,000"):
        list_import.preview(twitter, (f"name{n}" for n in range(50_001)))
    assert sandbox.served == []


def test_long_lists_tell_how_far_they_are(twitter: Client) -> None:
    told: list[tuple[int, int]] = []
    list_import.preview(
        twitter,
        [f"nobody{n}" for n in range(150)],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(100, 150), (150, 150)]


def test_a_name_that_the_answer_passes_over_is_not_called_missing(
    twitter: Client, sandbox: Sandbox
) -> None:
    """AP19."""
    ferry = sandbox.world.find("FerryNotes")
    data = {"id": str(ferry.uid), "name": "Ferry", "username": "FerryNotes"}
    fault = sandbox.faults.add(
        "body", path="/2/users/by", times=None, body=json.dumps({"data": [data]}),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    made = list_import.preview(twitter, ["FerryNotes", "millbrook_lib"])
    assert fault.fired == 2, "once more, alone"
    assert [line.verdict for line in made.lines] == ["new", "unavailable"]
    assert "gave no answer" in made.lines[1].message
