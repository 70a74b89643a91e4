"""Which processes are wanted, in which round they may start, and what a save leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from sfm import clock as sfm_clock
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import connections, queries, reconcile, service, validation
from sfm.filters.account_lookup import People
from sfm.filters.connections import NoStreamCredential
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.filters.programs import ProgramPlan, ProgramRequest, plan
from sfm.filters.validation import BadFilter
from sfm.models import Heartbeat, ProgramRetry, TwitterFilter, User
from sfm.supervisord.conf import Program
from sfm.supervisord.process import ProcessInfo, ProcessState
from sfm.users import credentials
from tests.conftest import FrozenClock
from tests.streams.collecting import make_filter

NOBODY = People({}, {})
A, B = "a" * 64, "b" * 64  # fingerprints of credentials
SHARED_A = "twitterfilter-shared-aaaaaaaaaaaa"


def test_each_filter_has_a_process_of_its_own_by_default() -> None:
    found = plan([ProgramRequest(2, "a", 10), ProgramRequest(5, "b", 20)], share=False)
    assert [(one.name, one.revision) for one in found.programs] == [
        ("twitterfilter-2", 10),
        ("twitterfilter-5", 20),
    ]


def test_two_on_one_credential_wait_for_each_other_unless_connections_are_shared() -> None:
    requests = [ProgramRequest(5, A, 20), ProgramRequest(2, A, 10), ProgramRequest(7, B, 1)]
    alone = plan(requests, share=False)
    assert ([one.name for one in alone.programs], alone.waiting) == (
        ["twitterfilter-2", "twitterfilter-7"], {5: 2},
    )  # fmt: skip
    shared = plan(requests, share=True)
    assert [(one.name, one.revision) for one in shared.programs] == [
        ("twitterfilter-shared-aaaaaaaaaaaa", 20),
        ("twitterfilter-shared-bbbbbbbbbbbb", 1),
    ]
    assert shared.waiting == {}


@pytest.mark.parametrize(
    ("ids", "running", "name"),
    [
        ((2, 5, 7), ["twitterfilter-2-5"], "twitterfilter-2-5"),
        ((5,), ["twitterfilter-2-5"], "twitterfilter-2-5"),
        ((7, 8), ["twitterfilter-2-5"], SHARED_A),
        ((2, 5), ["twitterfilter-2", "twitterfilter-5-2"], "twitterfilter-5-2"),
        ((2, 5), ["twitterfilter-2", SHARED_A], SHARED_A),
        ((2, 5), ["twitterfilter-2-" + "5" * 18 + "-" + "6" * 18 + "-7" * 40], SHARED_A),
    ],
)
def test_a_name_of_an_older_version_is_kept_while_its_program_collects_one_of_its_filters(
    ids: tuple[int, ...], running: list[str], name: str
) -> None:
    found = plan([ProgramRequest(number, A, 1) for number in ids], share=True, running=running)
    assert list(found.filter_ids) == [name]
    assert found.filter_ids[name] == ids


def test_one_name_is_not_kept_by_two_programs() -> None:
    requests = [ProgramRequest(2, A, 1), ProgramRequest(5, B, 1), ProgramRequest(6, "none-6", 1)]
    found = plan(requests, share=True, running=["twitterfilter-2-5"])
    assert sorted(one.name for one in found.programs) == [
        "twitterfilter-2-5", "twitterfilter-6", "twitterfilter-shared-bbbbbbbbbbbb",
    ]  # fmt: skip


def down(state: ProcessState, code: int = 1) -> ProcessInfo:
    return ProcessInfo("twitterfilter-1", state, None, None, None, code, "", (1,))


def may_start(process: ProcessInfo, revision: int = 5) -> bool:
    program = Program((1,), revision)
    planned = ProgramPlan((program,), {program.name: (1,)}, {})
    return reconcile._may_start(planned, {program.name: process}, [])[program.name]


def test_a_crash_loop_is_tried_again_after_1_2_4_up_to_30_minutes(
    app: Flask, clock: FrozenClock
) -> None:
    """SV11"""
    waits = []
    for _ in range(7):
        assert not may_start(down(ProcessState.FATAL))
        retry = db.session.get(ProgramRetry, "twitterfilter-1")
        assert retry is not None
        waits.append(round((retry.next_at - clock.now()).total_seconds() / 60))
        clock.advance(waits[-1] * 60)
        assert may_start(down(ProcessState.FATAL))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    reconcile.forget_retry(["twitterfilter-1"])
    db.session.commit()
    assert db.session.get(ProgramRetry, "twitterfilter-1") is None


def test_what_needs_a_person_is_tried_again_slowly_or_when_the_filter_changes(
    app: Flask, clock: FrozenClock
) -> None:
    db.session.add(Heartbeat(program="twitterfilter-1", state="needs_person", revision=5))
    db.session.commit()
    waits = []
    for _ in range(4):
        assert not may_start(down(ProcessState.EXITED, 3), revision=5)
        retry = db.session.get(ProgramRetry, "twitterfilter-1")
        assert retry is not None
        waits.append(round((retry.next_at - clock.now()).total_seconds() / 60))
        clock.advance(waits[-1] * 60)
        assert may_start(down(ProcessState.EXITED, 3), revision=5)
    assert waits == [5, 15, 60, 60]
    assert may_start(down(ProcessState.EXITED, 3), revision=6)
    assert may_start(down(ProcessState.EXITED, 0), revision=5)


def test_a_start_with_wrong_settings_is_tried_again_slowly(app: Flask, clock: FrozenClock) -> None:
    """S-6: it could write no heartbeat, and nobody can say when the settings are put right."""
    assert not may_start(down(ProcessState.EXITED, 3))
    retry = db.session.get(ProgramRetry, "twitterfilter-1")
    assert retry is not None
    assert "settings" in retry.reason
    clock.advance(60)
    assert may_start(down(ProcessState.EXITED, 3))
    assert not may_start(down(ProcessState.EXITED, 3))


def test_createconf_refuses_an_owner_who_cannot_read_the_instance(app: Flask) -> None:
    make_filter()
    app.extensions["sfm_settings"] = replace(app_settings(), supervisor_process_owner="nobody")
    answer = app.test_cli_runner().invoke(args=["createconf"])
    assert answer.exit_code == 1
    assert "SUPERVISOR_PROCESS_OWNER: the user nobody may not use" in answer.stderr
    assert "nobody may not use" in reconcile.outcome(reconcile.apply()).message
    start = app.test_cli_runner().invoke(args=["supervisor_config"])
    assert start.exit_code == 1
    assert "nobody may not use" in start.stderr


def test_a_round_that_waited_follows_the_newest_change(app: Flask) -> None:
    """What is wanted is read when it is a round's turn: an older state undoes nothing."""
    asked: list[bool] = []

    def now() -> list[Program]:
        held = reconcile.supervisord_client().place.run / "reconcile.lock"
        asked.append(held.exists())
        return [Program((1,))]

    reconcile.supervisord_client().reconcile(now)
    assert asked == [True]
    assert reconcile.supervisord_client().configured() == ["twitterfilter-1"]


def test_every_save_renews_the_file_as_the_seed_says(app: Flask) -> None:
    made = make_filter()
    reconcile.apply()
    conf = reconcile.supervisord_client().place.conf / "twitterfilter-1.conf"
    before = conf.read_text()
    draft = replace(draft_of(made, is_active=True), words="storm")
    service.save(draft, NOBODY, made)
    db.session.commit()
    reconcile.apply()
    after = conf.read_text()
    changed = [a for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [line[:6] for line in changed] == ["; revi", "; sha2"]
    assert "storm" not in after


def test_createconf_writes_all_or_one(app: Flask) -> None:
    make_filter()
    make_filter("Second", "x", "token-two", owner="bob")
    make_filter("Third", "x", "token-three", owner="cy", active=False)
    runner = app.test_cli_runner()
    everything = runner.invoke(args=["createconf"])
    assert everything.exit_code == 0
    written = [Path(line).name for line in everything.stdout.split()]
    assert written == ["twitterfilter-1.conf", "twitterfilter-2.conf"]
    assert "supervisord is not running" in everything.stderr
    one = runner.invoke(args=["createconf", "--twitter-filter", "2"])
    assert Path(one.stdout.strip()).name == "twitterfilter-2.conf"
    assert runner.invoke(args=["createconf", "--twitter-filter", "3"]).exit_code == 1


def draft(user: User, **more: object) -> FilterDraft:
    values = {"name": "New", "user_id": user.id, "words": "flood"}
    return FilterDraft(**{**values, **more})  # type: ignore[arg-type]


def test_sharing_lets_two_active_filters_use_one_token(app: Flask) -> None:
    made = make_filter()
    with pytest.raises(BadFilter, match="Floods"):
        service.save(draft(made.user), NOBODY)
    db.session.rollback()
    app.extensions["sfm_settings"] = replace(app_settings(), share_stream_connections=True)
    service.save(draft(db.session.get(User, made.user_id) or made.user), NOBODY)
    db.session.commit()
    (program,) = reconcile.wanted_programs().programs
    connection = credentials.of_user(made.user)[0].fingerprint[:12]
    assert program.name == f"twitterfilter-shared-{connection}"
    assert queries.ids_of_connection(connection) == (1, 2)
    with pytest.raises(NoStreamCredential):
        queries.ids_of_connection("0" * 12)


def test_the_same_token_under_two_names_is_still_one(app: Flask) -> None:
    """The fingerprint counts, whoever's filter connects with it."""
    app.extensions["sfm_settings"] = replace(app_settings(), twitter_bearer_token="one-token")
    make_filter(token="")
    other = User(username="zoe", installation_token_allowed=True)
    db.session.add(other)
    db.session.flush()
    with pytest.raises(BadFilter, match="already"):
        service.save(draft(other), NOBODY)


def test_a_running_streamsample_holds_its_token(app: Flask) -> None:
    made = make_filter(active=False)
    source = connections.source_of_filter(made)
    beat = Heartbeat(program="streamsample", fingerprint=source.fingerprint, state="connected")
    db.session.add(beat)
    db.session.commit()
    with pytest.raises(BadFilter, match="streamsample"):
        service.activate(made)
    beat.beat_at = sfm_clock.now() - timedelta(minutes=5)
    db.session.commit()
    service.activate(made)


def test_a_user_without_an_app_token_is_told_what_to_do(app: Flask) -> None:
    user = User(username="zoe")
    db.session.add(user)
    db.session.flush()
    with pytest.raises(BadFilter, match="set_credential"):
        service.save(draft(user), NOBODY)
    service.save(draft(user, is_active=False), NOBODY)


def test_a_credential_of_somebody_else_is_refused(app: Flask) -> None:
    made = make_filter(active=False)
    theirs = credentials.of_user(made.user)[0]
    user = User(username="zoe")
    db.session.add(user)
    db.session.flush()
    with pytest.raises(BadFilter, match="not one of"):
        service.save(draft(user, credential_id=theirs.id, is_active=False), NOBODY)


LIMITS: list[tuple[dict[str, object], str]] = [
    ({"words": ", ".join(f"w{n}" for n in range(401))}, "too many"),
    ({"people": ", ".join(f"p{n}" for n in range(5001))}, "too many"),
    ({"locations": ", ".join(["1,1,1.1,1.1"] * 26)}, ""),
    ({"rule_text": "x" * 1025}, "1024"),
]


@pytest.mark.parametrize(("typed", "said"), LIMITS)
def test_limits_are_said_before_twitter_says_them(typed: dict[str, object], said: str) -> None:
    made = FilterDraft(**{"name": "x", "user_id": 1, "words": "", **typed})  # type: ignore[arg-type]
    if not said:
        validation.parts_of(made)
        return
    with pytest.raises(BadFilter, match=said):
        validation.parts_of(made)


def test_line_breaks_are_blanks_commas_or_and_blanks_and() -> None:
    made = FilterDraft(name="x", user_id=1, words="river\nwater, flood", people="@ann,\nbob")
    parts = validation.parts_of(made)
    assert parts.phrases == (("river", "water"), ("flood",))
    assert parts.names == ("ann", "bob")
    (rule,) = validation.rules_for(parts, [7])
    assert rule.value == "(river water) OR flood OR from:7 OR to:7 OR retweets_of:7"


@pytest.mark.parametrize("name", ["a\n[program:evil]\ncommand=x", "%(ENV_PATH)s", "x ; y", "'\"`"])
def test_whatever_a_filter_is_called_its_configuration_is_the_same(app: Flask, name: str) -> None:
    """S31"""
    made = make_filter(name, name)
    reconcile.apply()
    text = (reconcile.supervisord_client().place.conf / f"twitterfilter-{made.id}.conf").read_text()
    assert name not in text
    assert text.count("[program:") == 1
    assert db.session.query(TwitterFilter).count() == 1
