"""Password hashes (scrypt) and the rules for new passwords. A check costs the same for any name.

Source of the rules: OWASP ASVS 5.0, 6.2 and 11.4 (length before ornament, no common ones).
"""

from __future__ import annotations

import secrets
import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash

from sfm.errors import WrongInput
from sfm.messages import Message

METHOD = "scrypt:32768:8:1"
MIN_CHARACTERS = 12
MAX_CHARACTERS = 256  # a longer one costs the server more than it helps
MIN_GUESSES_LOG10 = (
    8.0  # fewer guesses than ten to this are too easy (zxcvbn's "safely unguessable")
)
_MAX_SCORED_CHARACTERS = 72  # zxcvbn's own limit
_HASH_OF_NO_PASSWORD = f"{METHOD}$nobodys0salt0000${'0' * 128}"  # the hash of no password there is


class WeakPassword(WrongInput):
    """A new password that would be guessed."""


def hash_password(password: str) -> str:
    """The scrypt hash that is stored of a password."""
    return generate_password_hash(_normal(password), method=METHOD)


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password. Costs the same where there is none to compare with."""
    if len(password) > MAX_CHARACTERS:
        password = ""
    right = check_password_hash(kept or _HASH_OF_NO_PASSWORD, _normal(password))
    return right and kept is not None


def needs_new_hash(kept: str) -> bool:
    """Whether the stored hash is of an older method or cost."""
    return not kept.startswith(METHOD + "$")


def require_strong(password: str, *about: str) -> None:
    """Raises WeakPassword. `about`: what an attacker knows of the person, such as their name."""
    if len(password) < MIN_CHARACTERS:
        raise WeakPassword(
            Message(
                "A password needs at least %(limit)s characters. Several words in a row do well.",
                limit=MIN_CHARACTERS,
            )
        )
    if len(password) > MAX_CHARACTERS:
        raise WeakPassword(
            Message("A password can have at most %(limit)s characters.", limit=MAX_CHARACTERS)
        )
    if _guesses(password, about) < MIN_GUESSES_LOG10:
        raise WeakPassword(
            Message(
                "This password is too easy to guess: it is common, or made of names, sequences or "
                "repeats. Several words that have nothing to do with each other do well."
            )
        )


def one_time_password() -> str:
    """A random password to be used once: four groups of letters and digits, easy to copy."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _guesses(password: str, about: tuple[str, ...]) -> float:
    from zxcvbn import zxcvbn  # its word lists are a megabyte: only where a password is set

    known = ["socialfeedmanager", "twitter", *(word for word in about if word)]
    guesses_log10: float = zxcvbn(password[:_MAX_SCORED_CHARACTERS], user_inputs=known)[
        "guesses_log10"
    ]
    return float(guesses_log10)


def _normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password (NFKC)."""
    whole = password.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is none
    return unicodedata.normalize("NFKC", whole)
