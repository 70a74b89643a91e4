"""Clients made from kept credentials: which one is chosen, what they count, what they learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import Credential, User
from sfm.networks.errors import CredentialProblem, NetworkError, OutOfCredits
from sfm.sandbox.server import Sandbox
from sfm.twitter.errors import credential_problem
from sfm.users import credentials, service
from sfm.users.clients import (
    NoCredential,
    client_for,
    default_client,
    default_stream_auth,
    stream_auth,
)
from sfm.users.credential_state import state_after
from sfm.users.usage import Usage, usage_this_month
from tests.conftest import FrozenClock, test_settings

GOOD = "seven purple umbrellas rust"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, bearer_tokens=("sandbox-one", "sandbox-two")) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _clean_sandbox(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.reset()


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return test_settings(
        instance_folder,
        database_url,
        twitter_api_root=sandbox.url,
        twitter_default_username="ann",
    )


def set_up(app: Flask, **changes: object) -> None:
    app.extensions["sfm_settings"] = replace(app.extensions["sfm_settings"], **changes)  # type: ignore[arg-type]


def user(name: str) -> User:
    return service.find(name) or service.create(name, GOOD).user


def hold(name: str, token: str) -> Credential:
    kept = credentials.save(user(name), credentials.bearer(token))
    db.session.commit()
    return kept


def state_of(credential: Credential) -> str:
    db.session.rollback()
    return db.session.get_one(Credential, credential.id, populate_existing=True).state


def chosen() -> str:
    return default_client().transport.auth.fingerprint


def test_the_default_users_credential_comes_first(app: Flask) -> None:
    set_up(app, twitter_bearer_token="sandbox-two")
    credential = hold("ann", "sandbox-one")
    assert chosen() == credential.fingerprint
    assert default_client().account_by_name("millbrook_lib").name == "millbrook_lib"


def test_the_settings_token_is_next(app: Flask) -> None:
    set_up(app, twitter_bearer_token="sandbox-two")
    hold("ben", "sandbox-one")
    assert default_client().account_by_name("millbrook_lib").name == "millbrook_lib"
    assert chosen() == credentials.bearer("sandbox-two").fingerprint


def test_the_only_app_token_is_the_last_resort(app: Flask) -> None:
    credential = hold("ben", "sandbox-one")
    assert chosen() == credential.fingerprint
    hold("cleo", "sandbox-two")
    assert "Several Users" in chosen_or_sentence()


def test_what_the_deactivated_hold_is_not_used(app: Flask) -> None:
    for name, token in (("ann", "sandbox-one"), ("ben", "sandbox-two")):
        hold(name, token)
        user(name).is_active = False
        db.session.commit()
    assert "holds no Twitter credential" in chosen_or_sentence()


def chosen_or_sentence() -> str:
    try:
        return chosen()
    except NoCredential as exc:
        return exc.message


def test_without_any_credential_a_sentence_says_what_to_do(app: Flask) -> None:
    assert "ann, the User that TWITTER_DEFAULT_USERNAME names" in chosen_or_sentence()
    set_up(app, twitter_default_username="")
    assert "set_credential" in chosen_or_sentence()


def test_a_call_marks_the_credential_as_working_and_is_counted(
    app: Flask, clock: FrozenClock
) -> None:
    credential = hold("ann", "sandbox-one")
    default_client().account_by_name("millbrook_lib")
    assert state_of(credential) == "works"
    assert usage_this_month(credential.fingerprint) == Usage(1, 0, 1)


def test_a_refused_credential_is_marked_with_the_reason(app: Flask) -> None:
    credential = hold("ann", "not-one-of-the-sandbox")
    with pytest.raises(CredentialProblem):
        default_client().account_by_name("millbrook_lib")
    assert state_of(credential) == "refused"
    assert "cannot be used (refused by Twitter)" in chosen_or_sentence()


def test_credits_that_ran_out_rest_the_credential_until_the_next_day(
    app: Flask, clock: FrozenClock, sandbox: Sandbox
) -> None:
    credential = hold("ann", "sandbox-one")
    fault = sandbox.faults.add("credits-depleted")
    with pytest.raises(OutOfCredits):
        default_client().account_by_name("millbrook_lib")
    assert fault.fired == 1
    assert state_of(credential) == "out_of_credits"
    assert "out of credits" in chosen_or_sentence()
    clock.advance(12 * 3600)  # the next day in UTC
    assert chosen() == credential.fingerprint


def test_a_fault_of_twitters_leaves_the_state_alone(app: Flask, sandbox: Sandbox) -> None:
    credential = hold("ann", "sandbox-one")
    default_client().account_by_name("millbrook_lib")
    fault = sandbox.faults.add("internal-error", times=10)
    with pytest.raises(Exception, match="Twitter"):
        default_client().account_by_name("HarborCouncil")
    assert fault.fired == 1
    assert state_of(credential) == "works"


def test_a_client_inside_a_writing_transaction_does_not_wait_for_itself(
    app: Flask, clock: FrozenClock
) -> None:
    credential = hold("ann", "sandbox-one")
    begin_write()
    user("ben")
    client_for(db.session.get_one(Credential, credential.id)).account_by_name("millbrook_lib")
    db.session.commit()
    assert state_of(credential) == "works"
    assert usage_this_month() == Usage(1, 0, 1)


def test_streams_take_an_apps_token_only(app: Flask) -> None:
    credential = hold("ann", "sandbox-one")
    assert stream_auth(credential).token == "sandbox-one"
    assert default_stream_auth().token == "sandbox-one"
    sign_in = credentials.save(user("ann"), credentials.oauth1("12-abcdefgh", "abcdefghijkl"))
    with pytest.raises(NoCredential, match="app's bearer token"):
        stream_auth(sign_in)


def test_an_oauth1_credential_names_the_settings_it_misses(app: Flask) -> None:
    sign_in = credentials.save(user("ann"), credentials.oauth1("12-abcdefgh", "abcdefghijkl"))
    with pytest.raises(NoCredential, match="TWITTER_CONSUMER_KEY"):
        client_for(sign_in)


def test_no_secret_shows_in_a_repr(app: Flask) -> None:
    credential = hold("ann", "sandbox-one")
    client = client_for(credential)
    shown = [repr(thing) for thing in (client, client.transport, client.transport.auth, credential)]
    shown.append(repr(credentials.bearer("sandbox-one")))
    assert "sandbox-one" not in " ".join(shown)


def test_check_credentials_says_what_is_wrong(runner: FlaskCliRunner, app: Flask) -> None:
    hold("ann", "sandbox-one")
    assert runner.invoke(args=["check_credentials"]).exit_code == 0
    hold("ben", "not-one-of-the-sandbox")
    result = runner.invoke(args=["check-credentials"])
    assert result.exit_code == 1
    assert "works  ann: app bearer token: Twitter accepts it." in result.stdout
    assert "FAILS  ben: app bearer token: Twitter refused the key" in result.stdout
    states = db.session.scalars(select(Credential.state).order_by(Credential.id)).all()
    assert list(states) == ["works", "refused"]


def test_the_wrong_key_changes_nothing_and_says_so(app: Flask, instance_folder: Path) -> None:
    credential = hold("ann", "sandbox-one")
    (instance_folder / "credentials.key").unlink()
    with pytest.raises(Exception, match="cannot be read: the key"):
        client_for(credential)


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (None, "works"),
        (credential_problem("refused", status=401), "refused"),
        (credential_problem("sign_in_again", status=401), "needs_sign_in"),
        (OutOfCredits("Used up."), "out_of_credits"),
        (credential_problem("refused", status=401, subject="ann_x"), None),
        (credential_problem("client_forbidden", status=403, subject="ann_x"), None),
    ],
)
def test_a_refusal_of_one_accounts_call_says_nothing_of_the_credential(
    trouble: NetworkError | None, state: str | None
) -> None:
    assert state_after(trouble) == state
