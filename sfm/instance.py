"""The instance folder: made private, with the keys that belong to one installation."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sfm.config import Settings
from sfm.errors import BadSetting

SECRET_KEY_FILE = "secret.key"  # noqa: S105  (the name of a file)


def prepare(settings: Settings) -> None:
    """Make the instance and data folders, and all that this process makes, its owner's alone.

    Raises BadSetting where a folder cannot be made or others may read the instance folder.
    """
    os.umask(0o077)
    for folder in (settings.instance, settings.data_folder):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise BadSetting(str(folder), f"the folder cannot be made ({exc.strerror})") from exc
    if settings.instance.stat().st_mode & 0o077:
        raise BadSetting(
            "SFM_INSTANCE", f"others may read {settings.instance}; run chmod 700 on it"
        )


def secret_key(settings: Settings) -> str:
    """The key that signs sessions: the setting's, else the instance's own, made once."""
    return settings.secret_key or kept_secret(settings.instance / SECRET_KEY_FILE)


def kept_secret(path: Path) -> str:
    """The secret in a file that only we can read; made at the first call, by one of many."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii").strip()
