"""Files that are there whole or not at all, also after a loss of power."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path


def write_whole(target: Path, content: str | bytes, *, over: bool = True) -> None:
    """Put a file that only we can read in the place of whatever is there, or leave that as it was.

    It is written under a name that begins with a point and ends in `.new`, synced, and then gets
    its own: who finds it, finds all of it. Not `over` what is there: raises FileExistsError.
    Text is written as UTF-8. Raises OSError.
    """
    content = content.encode() if isinstance(content, str) else content
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if over:
            draft.replace(target)
        else:
            os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
