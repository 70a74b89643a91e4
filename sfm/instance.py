"""The instance folder: made private, with the keys that belong to one installation."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from sfm.atomic_file import write_whole
from sfm.config import Settings
from sfm.errors import BadSetting
from sfm.messages import Message

SECRET_KEY_FILE = "secret.key"  # noqa: S105  (the name of a file)
SECRET_KEY_BYTES = 32
KNOWN_KEYS = (
    "changeme", "change-me", "change_me", "change this", "your-secret", "your_secret", "yoursecret",
    "secret-key", "secret_key", "secretkey", "supersecret", "django-insecure", "development key",
    "insecure", "not-so-secret", "example",
)  # fmt: skip


def prepare(settings: Settings) -> None:
    """Make the instance and data folders, and all that this process makes, its owner's alone.

    Raises BadSetting where a folder cannot be made or others may read the instance folder.
    """
    os.umask(0o077)
    for folder in (settings.instance, settings.data_folder):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise BadSetting(
                str(folder), Message("the folder cannot be made (%(reason)s)", reason=exc.strerror)
            ) from exc
    if settings.instance.stat().st_mode & 0o077:
        raise BadSetting(
            "SFM_INSTANCE",
            Message(
                "others may read %(instance)s; run chmod 700 on it", instance=settings.instance
            ),
        )


def secret_key(settings: Settings) -> str:
    """The key that signs sessions: the setting's, else the instance's own, made once.

    Raises BadSetting for one that could be guessed; it is not repeated.
    """
    key = settings.secret_key or kept_secret(settings.instance / SECRET_KEY_FILE)
    for name, candidate in (("SECRET_KEY", key), *_fallbacks(settings)):
        if len(candidate.encode()) < SECRET_KEY_BYTES or _is_known(candidate):
            raise BadSetting(
                name,
                Message(
                    "takes a random text of at least %(limit)s characters; leave it out, and one "
                    "is made",
                    limit=SECRET_KEY_BYTES,
                ),
            )
    return key


def _fallbacks(settings: Settings) -> list[tuple[str, str]]:
    return [("SECRET_KEY_FALLBACKS", fallback) for fallback in settings.secret_key_fallbacks]


def _is_known(key: str) -> bool:
    """Out of an example, or a few characters again and again."""
    text = key.lower()
    return len(set(text)) < 8 or any(word in text for word in KNOWN_KEYS)


def kept_secret(path: Path) -> str:
    """The secret in a file that only we can read; made at the first call, by one of many."""
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            write_whole(path, secrets.token_urlsafe(48), over=False)
    return path.read_text(encoding="ascii").strip()
