"""The vault: what it keeps can be read with its keys and with nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sfm.errors import BadSetting
from sfm.users.encryption import KEY_FILE, UnreadableSecret, Vault, checked_keys, key_id

CANARY = "canary-4711-do-not-show"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / KEY_FILE


def test_what_is_sealed_opens_again_and_is_not_in_the_token(file: Path) -> None:
    sealed = Vault(file).seal({"token": CANARY})
    assert CANARY.encode() not in sealed.token
    assert Vault(file).open(sealed.token) == {"token": CANARY}


def test_first_key_is_made_once_and_only_we_may_read_it(file: Path) -> None:
    first = Vault(file).keys
    assert Vault(file).keys == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_key_id_says_which_key_and_nothing_of_it(file: Path) -> None:
    vault = Vault(file)
    sealed = vault.seal("x")
    assert sealed.key_id == key_id(vault.keys[0])
    assert sealed.key_id not in vault.keys[0]


def test_a_running_vault_follows_a_rotation(file: Path) -> None:
    running, rotating = Vault(file), Vault(file)
    before = running.seal(CANARY)
    new_id = rotating.add_key()
    assert running.seal("x").key_id == new_id
    assert running.open(before.token) == CANARY


def test_an_old_key_alone_no_longer_opens(file: Path) -> None:
    vault = Vault(file)
    old = vault.keys
    vault.add_key()
    sealed = vault.seal(CANARY)
    with pytest.raises(UnreadableSecret, match=r"credentials\.key"):
        Vault(file, given=old).open(sealed.token)


def test_forgotten_keys_open_nothing_any_more(file: Path) -> None:
    vault = Vault(file)
    sealed = vault.seal(CANARY)
    vault.add_key()
    assert vault.forget_old_keys() == 1
    with pytest.raises(UnreadableSecret):
        vault.open(sealed.token)


def test_keys_from_a_setting_are_not_changed_here(file: Path) -> None:
    given = (Fernet.generate_key().decode(),)
    with pytest.raises(BadSetting, match="CREDENTIAL_KEYS"):
        Vault(file, given).add_key()
    assert not file.exists()


def test_a_bad_key_is_named_by_number_and_not_shown() -> None:
    good = Fernet.generate_key().decode()
    with pytest.raises(BadSetting, match="number 2") as caught:
        checked_keys((good, CANARY), "CREDENTIAL_KEYS")
    assert CANARY not in str(caught.value)


def test_an_empty_key_file_is_refused_and_not_replaced(file: Path) -> None:
    file.touch(mode=0o600)
    with pytest.raises(BadSetting, match="no key"):
        _ = Vault(file).keys
    assert file.read_text() == ""


@pytest.mark.timeout(20)
def test_rotating_before_there_is_a_key_makes_the_first_one_too(file: Path) -> None:
    vault = Vault(file)
    vault.add_key()
    assert len(vault.keys) == 2
    file.unlink()
    assert Vault(file).forget_old_keys() == 0
