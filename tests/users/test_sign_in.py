"""Signing in with name and password: who gets in, what it costs, and how often it may be tried."""

from __future__ import annotations

import threading
import time

import pytest
from flask import Flask
from sqlalchemy import delete, select
from werkzeug.security import generate_password_hash

from sfm.database import begin_write, db
from sfm.models import Attempts, AuditEntry, User
from sfm.users import login_rate_limit, passwords, service, sign_in
from sfm.users.login_rate_limit import TooManyTries
from sfm.users.passwords import WeakPassword
from sfm.users.service import LastAdministrator, Rights
from sfm.users.sign_in import SignInRefused
from tests.conftest import FrozenClock
from tests.threads import at_once

GOOD = "seven purple umbrellas rust"
OTHER = "nine copper lanterns drift"
HOME = "192.0.2.7"


@pytest.fixture
def ann(app: Flask) -> User:
    made = service.create("ann", GOOD).user
    db.session.commit()
    return made


def actions() -> list[str]:
    query = select(AuditEntry.action).order_by(AuditEntry.id)
    return list(db.session.scalars(query))


def try_password(name: str, password: str, address: str = HOME) -> str:
    try:
        return "in: " + sign_in.with_password(name, password, address).username
    except SignInRefused as refusal:
        return refusal.message
    except TooManyTries:
        return "too many"


def test_the_right_password_lets_in_and_is_recorded(ann: User, clock: FrozenClock) -> None:
    assert try_password(" ANN ", GOOD) == "in: ann"
    assert ann.signed_in_at == clock.now()
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.actor, entry.address) == ("sign_in.password", "ann", HOME)


@pytest.mark.parametrize("name", ["ann", "nobody", "", "\x00", "\ud83d", "a" * 10_000])
def test_a_wrong_password_and_an_unknown_name_are_told_the_same(ann: User, name: str) -> None:
    assert try_password(name, "wrong password here") == sign_in.WRONG


def test_an_unknown_name_is_not_written_down(ann: User) -> None:
    try_password("my secret password", "x")
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.subject, entry.after) == (
        "sign_in.failed", "", {"reason": "unknown name"},
    )  # fmt: skip
    keys = db.session.scalars(select(Attempts.key)).all()
    assert not any("secret" in key for key in keys)


def test_a_deactivated_user_is_told_so_only_with_the_right_password(ann: User) -> None:
    ann.is_active = False
    db.session.commit()
    assert try_password("ann", "wrong password here") == sign_in.WRONG
    assert try_password("ann", GOOD) == sign_in.NOT_ACTIVE


def test_a_user_who_awaits_approval_is_told_that(ann: User) -> None:
    ann.is_active, ann.awaits_approval = False, True
    db.session.commit()
    assert try_password("ann", GOOD) == sign_in.AWAITS


def test_a_user_without_password_cannot_sign_in_with_one(ann: User) -> None:
    ann.password_hash = None
    db.session.commit()
    assert try_password("ann", "") == sign_in.WRONG
    assert try_password("ann", GOOD) == sign_in.WRONG


@pytest.mark.slow
def test_an_unknown_name_costs_the_same_as_a_wrong_password(ann: User) -> None:
    """Processor time, the least of several: the load of the machine does not count."""
    cost: dict[str, list[float]] = {"ann": [], "nobody": []}
    for number in range(12):
        for name, times in cost.items():
            start = time.thread_time()
            try_password(name, "wrong password here", f"192.0.2.{number}")
            times.append(time.thread_time() - start)
        db.session.rollback()
        begin_write()
        db.session.execute(delete(Attempts))
        db.session.commit()
    known, unknown = min(cost["ann"]), min(cost["nobody"])
    assert abs(known - unknown) / max(known, unknown) < 0.1


def test_an_old_hash_is_made_anew_at_sign_in(ann: User) -> None:
    ann.password_hash = generate_password_hash(GOOD, method="pbkdf2:sha256:1000")
    db.session.commit()
    assert try_password("ann", GOOD) == "in: ann"
    assert (ann.password_hash or "").startswith(passwords.METHOD)
    assert try_password("ann", GOOD) == "in: ann"


def test_the_sixth_try_for_a_name_from_one_address_is_not_looked_at(
    ann: User, clock: FrozenClock
) -> None:
    tries = [try_password("ann", "wrong password here") for _ in range(7)]
    assert tries == [sign_in.WRONG] * 5 + ["too many"] * 2
    assert try_password("ann", GOOD) == "too many"
    assert try_password("ann", GOOD, "198.51.100.1") == "in: ann"
    clock.advance(15 * 60)
    assert try_password("ann", GOOD) == "in: ann"


def test_only_the_first_refusal_of_a_window_is_recorded(ann: User) -> None:
    for _ in range(9):
        try_password("ann", "wrong password here")
    reasons = [entry.after for entry in db.session.scalars(select(AuditEntry)) if entry.after]
    assert reasons.count({"reason": "too many tries"}) == 1


def taken(name: str, address: str = HOME) -> bool:
    try:
        login_rate_limit.take(name, address)
    except TooManyTries:
        return False
    return True


def test_one_address_cannot_try_name_after_name(ann: User) -> None:
    tries = [taken(f"name{number}") for number in range(25)]
    assert tries == [True] * login_rate_limit.MAX_PER_ADDRESS + [False] * 5
    assert try_password("ann", GOOD) == "too many"
    assert try_password("ann", GOOD, "198.51.100.1") == "in: ann"


def test_many_addresses_cannot_try_one_name_for_ever(ann: User) -> None:
    tries = [
        taken("ann", f"10.0.{number}.1") for number in range(login_rate_limit.MAX_PER_NAME + 3)
    ]
    assert tries == [True] * login_rate_limit.MAX_PER_NAME + [False] * 3
    assert try_password("ann", GOOD, "10.1.0.1") == "too many"


def test_addresses_of_one_ipv6_network_are_one(ann: User) -> None:
    for number in range(5):
        assert taken("ann", f"2001:db8::{number}")
    assert try_password("ann", GOOD, "2001:db8::ffff") == "too many"
    assert try_password("ann", GOOD, "2001:db8:0:1::1") == "in: ann"


def test_sign_ins_that_work_use_up_no_tries(ann: User) -> None:
    for _ in range(login_rate_limit.MAX_PER_ADDRESS + 2):
        assert taken("ann")
        login_rate_limit.give_back("ann", HOME)
        db.session.commit()
    assert try_password("ann", GOOD) == "in: ann"


@pytest.mark.slow
def test_fifty_wrong_tries_at_once_are_not_fifty_looks(ann: User, app: Flask) -> None:
    results: list[str] = []

    def attack() -> None:
        with app.app_context():
            for _ in range(10):
                results.append(try_password("ann", "wrong password here"))

    at_once(5, attack)
    assert len(results) == 50
    assert results.count(sign_in.WRONG) == login_rate_limit.MAX_PER_NAME_AND_ADDRESS


def test_confirming_counts_like_a_sign_in(ann: User) -> None:
    assert sign_in.confirm(ann, GOOD, HOME)
    for _ in range(5):
        assert not sign_in.confirm(ann, "wrong password here", HOME)
    with pytest.raises(TooManyTries, match="15 minutes"):
        sign_in.confirm(ann, GOOD, HOME)


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "password1234",
        "qwertyuiop12",
        "123456789012",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "annannannann",
        "iloveyou1234",
        "socialfeedmanager",
        "twittertwitter",
    ],
)
def test_passwords_that_would_be_guessed_are_refused(ann: User, password: str) -> None:
    with pytest.raises(WeakPassword):
        service.set_password(ann, password)


def test_the_same_characters_typed_otherwise_are_the_same_password(ann: User) -> None:
    service.set_password(ann, "caf\u00e9 lantern orchard seven")
    db.session.commit()
    assert try_password("ann", "cafe\u0301 lantern orchard seven") == "in: ann"


def test_a_new_password_ends_all_sessions_and_the_old_one(ann: User) -> None:
    before = ann.session_key
    service.set_password(ann, OTHER)
    db.session.commit()
    assert ann.session_key != before
    assert try_password("ann", GOOD) == sign_in.WRONG
    assert try_password("ann", OTHER) == "in: ann"


@pytest.mark.parametrize(
    ("rights", "action"),
    [
        (Rights(is_active=False, is_superuser=False), "user.deactivated"),
        (Rights(is_active=True, is_superuser=True), "user.made_administrator"),
    ],
)
def test_any_change_of_rights_ends_all_sessions(ann: User, rights: Rights, action: str) -> None:
    before = ann.session_key
    assert service.set_rights(ann, rights)
    assert ann.session_key != before
    assert actions()[-1] == action


def test_rights_that_stay_the_same_end_no_session(ann: User) -> None:
    before = ann.session_key
    assert not service.set_rights(ann, Rights(is_active=True, is_superuser=False))
    assert ann.session_key == before


@pytest.mark.parametrize(
    "rights",
    [
        Rights(is_active=False, is_superuser=True),
        Rights(is_active=True, is_superuser=False),
        Rights(is_active=False, is_superuser=False),
    ],
)
def test_the_last_administrator_stays(ann: User, rights: Rights) -> None:
    service.set_rights(ann, Rights(is_active=True, is_superuser=True))
    gone = service.create("gone", GOOD, superuser=True).user
    gone.is_active = False
    db.session.commit()
    with pytest.raises(LastAdministrator):
        service.set_rights(ann, rights)
    service.create("ben", GOOD, superuser=True)
    assert service.set_rights(ann, rights)


@pytest.mark.slow
def test_two_administrators_cannot_remove_each_other_at_once(app: Flask) -> None:
    for name in ("ann", "ben"):
        service.create(name, GOOD, superuser=True)
    db.session.commit()
    barrier = threading.Barrier(2)
    refused: list[str] = []

    def remove(name: str) -> None:
        with app.app_context():
            barrier.wait()
            begin_write()
            try:
                rights = Rights(is_active=True, is_superuser=False)
                service.set_rights(service.by_name(name), rights)
                db.session.commit()
            except LastAdministrator:
                db.session.rollback()
                refused.append(name)

    threads = [threading.Thread(target=remove, args=(name,)) for name in ("ann", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    left = db.session.scalars(select(User.username).where(User.is_superuser)).all()
    assert (len(left), len(refused)) == (1, 1)
