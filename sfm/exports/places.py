"""The folder that a package is put together in, and names of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sfm.output_file import FILES, remove

LONGEST_SLUG = 60


@contextmanager
def work_folder(part: Path) -> Iterator[Path]:
    """A folder beside a part file, for what is packed into it; removed at the end."""
    folder = work_folder_of(part)
    remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove(folder)


def work_folder_of(part: Path) -> Path:
    """Where the files lie that are to be packed into a part file."""
    return part.with_name(part.name + FILES)


def slug(text: str) -> str:
    """A piece of a file name out of any text: a-z, 0-9 and hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-")
    return kept or "tweets"
