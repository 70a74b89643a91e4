"""The first start on a machine without a Twitter key: speak to the sandbox until there is one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from sfm.atomic_file import write_whole
from sfm.config import Settings
from sfm.database import db
from sfm.errors import SfmError
from sfm.messages import Message
from sfm.models import Credential
from sfm.sandbox.defaults import DEFAULT_BEARER_TOKEN

MARK = "# Made by `make run`: no Twitter key was set, so this installation speaks to the sandbox."

LOCAL_SETTINGS = (
    MARK
    + """
# Its accounts and posts are made up. To collect from Twitter (X) itself, move the whole instance
# folder away, set a key and start anew: made-up and real posts must not lie in one collection.
TWITTER_API_ROOT = "{root}"
TWITTER_BEARER_TOKEN = "{token}"
"""
)


def speaks_to_sandbox(settings: Settings, port: int) -> bool:
    """Whether this installation is to speak to a sandbox on this port; set up so if it is new.

    Writes `local_settings.py` where nothing is set yet: no such file, no token, no credential.
    Raises SfmError where a real key was set for an installation that holds made-up posts.
    """
    file = settings.instance / "local_settings.py"
    if _was_made_by_us(file):
        if settings.twitter_bearer_token != DEFAULT_BEARER_TOKEN:
            raise SfmError(
                Message(
                    "A Twitter key is set, but %(instance)s holds made-up posts of the sandbox. "
                    "Move that folder away, then start again.",
                    instance=settings.instance,
                ),
                permanent=True,
            )
        return True
    if file.exists() or settings.twitter_bearer_token or _holds_a_credential():
        return False
    root = f"http://127.0.0.1:{port}"
    write_whole(file, LOCAL_SETTINGS.format(root=root, token=DEFAULT_BEARER_TOKEN), over=False)
    return True


def may_speak_to_sandbox(settings: Settings) -> bool:
    """Whether `speaks_to_sandbox` may say so, as far as is known without the database."""
    file = settings.instance / "local_settings.py"
    return _was_made_by_us(file) or not (file.exists() or settings.twitter_bearer_token)


def _was_made_by_us(file: Path) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8").startswith(MARK)


def _holds_a_credential() -> bool:
    return db.session.scalar(select(Credential.id).limit(1)) is not None
