"""Encrypts what must be kept secret in the database, with keys that are not in the database.

The keys are in a file in the instance folder, newest first (or in the setting CREDENTIAL_KEYS).
The newest encrypts, all of them decrypt. The file is looked at again whenever it has changed, so
that processes already running follow a rotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sfm.atomic_file import write_whole
from sfm.errors import BadSetting, SfmError
from sfm.extensions import settings
from sfm.file_lock import lock_file
from sfm.messages import Message

KEY_FILE = "credentials.key"


class UnreadableSecret(SfmError):
    """A kept secret cannot be decrypted: its key is not here any more."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "A stored credential cannot be read: the key it was encrypted with is missing. "
                "Put the old %(file)s back into the instance folder, or enter the credential anew.",
                file=KEY_FILE,
            ),
            permanent=True,
        )


@dataclass(frozen=True)
class Sealed:
    """An encrypted value, and the id of the key it is encrypted with."""

    token: bytes
    key_id: str


def key_id(key: str) -> str:
    """A short id of a key, from which the key cannot be derived."""
    return hashlib.sha256(b"sfm key id:" + key.encode("ascii")).hexdigest()[:12]


class Vault:
    """The keys of one instance."""

    def __init__(self, file: Path, given: tuple[str, ...] = ()) -> None:
        self.file = file
        self.given = given
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Newest first. Makes the first one where there is none yet."""
        if self.given:
            return self.given
        try:
            about = self.file.stat()
        except FileNotFoundError:
            self._make_first()
            about = self.file.stat()
        now = (about.st_ino, about.st_mtime_ns, about.st_size)
        if now != self._seen:
            self._keys = _read_keys(self.file)
            self._seen = now
        return self._keys

    def seal(self, value: Any) -> Sealed:
        """Any JSON value, encrypted with the newest key."""
        key = self.keys[0]
        text = json.dumps(value, separators=(",", ":"))
        return Sealed(Fernet(key).encrypt(text.encode("utf-8")), key_id(key))

    def open(self, token: bytes) -> Any:
        """The value that was sealed. Raises UnreadableSecret where no key decrypts it."""
        try:
            text = MultiFernet([Fernet(key) for key in self.keys]).decrypt(token)
        except InvalidToken:
            raise UnreadableSecret from None
        return json.loads(text)

    def add_key(self) -> str:
        """Add a new key before the others, for all processes at once; its id."""
        self._refuse_if_given()
        if not self.file.exists():
            self._make_first()
        with self._locked():
            key = Fernet.generate_key().decode("ascii")
            _write_keys(self.file, (key, *self.keys))
        return key_id(key)

    def forget_old_keys(self) -> int:
        """Keep the newest key only; how many were deleted. What they encrypted is lost."""
        self._refuse_if_given()
        if not self.file.exists():
            self._make_first()
        with self._locked():
            newest, *old = self.keys
            _write_keys(self.file, (newest,))
        return len(old)

    def _refuse_if_given(self) -> None:
        if self.given:
            raise BadSetting(
                "CREDENTIAL_KEYS",
                Message("is where the keys come from, so change it there: put the new key first"),
            )

    def _make_first(self) -> None:
        with self._locked():
            if not self.file.exists():
                _write_keys(self.file, (Fernet.generate_key().decode("ascii"),))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time changes the file; the lock file stays, or two would get in.

        Not to be entered twice: a second descriptor of the same process waits for the first.
        """
        with lock_file(self.file.with_suffix(".lock")):
            yield


def vault() -> Vault:
    """The vault of the present app."""
    from flask import current_app

    app_vault = current_app.extensions.get("sfm_vault")
    if not isinstance(app_vault, Vault):
        app_settings = settings()
        given = checked_keys(app_settings.credential_keys, "CREDENTIAL_KEYS")
        app_vault = current_app.extensions["sfm_vault"] = Vault(
            app_settings.instance / KEY_FILE, given
        )
    return app_vault


def checked_keys(keys: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The same keys. Raises BadSetting, without repeating any, where one is not a Fernet key."""
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise BadSetting(
                where, Message("key number %(number)s is not a Fernet key", number=number)
            ) from None
    return keys


def _read_keys(file: Path) -> tuple[str, ...]:
    keys = tuple(file.read_text(encoding="ascii", errors="replace").split())
    if not keys:
        raise BadSetting(str(file), Message("holds no key; put the saved one back"))
    return checked_keys(keys, str(file))


def _write_keys(file: Path, keys: tuple[str, ...]) -> None:
    write_whole(file, "\n".join(keys) + "\n")
