"""Whether a file holds ids of posts, unpacked, however it is packed."""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from sfm.removals.id_search import IdSearch

CHUNK_BYTES = 1024 * 1024
MAX_ID_DIGITS = 19

Watch = Callable[[], object]


def contains_ids(path: Path, search: IdSearch, watch: Watch) -> bool:
    """Whether a file, unpacked, has one of the ids, or cannot be searched for them.

    Calls `watch` after each megabyte. A file that is gone meanwhile holds nothing.
    """
    try:
        with path.open("rb") as file:
            return _holds(file, search, watch)
    except FileNotFoundError:
        return False
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, zlib.error):
        return True


def _holds(file: IO[bytes], search: IdSearch, watch: Watch) -> bool:
    head = file.read(4)
    file.seek(0)
    if head == b"PAR1":  # columns are packed each for itself
        return True
    if head == b"PK\x03\x04":
        return _in_zip(file, search, watch)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(file) as text:
            return _in_text(text, search, watch)  # type: ignore[arg-type]
    return _in_text(file, search, watch)


def _in_zip(file: IO[bytes], search: IdSearch, watch: Watch) -> bool:
    with TemporaryFile() as copy, zipfile.ZipFile(_seekable(file, copy)) as packed:
        for name in packed.namelist():
            with packed.open(name) as part:
                if _holds(part, search, watch):
                    return True
    return False


def _seekable(file: IO[bytes], copy: IO[bytes]) -> IO[bytes]:
    """A zip within a zip is unpacked first: seeking in it would unpack it again and again."""
    if not isinstance(file, zipfile.ZipExtFile):
        return file
    shutil.copyfileobj(file, copy, CHUNK_BYTES)
    return copy


def _in_text(file: IO[bytes], search: IdSearch, watch: Watch) -> bool:
    rest = b""
    while data := file.read(CHUNK_BYTES):
        watch()
        if search.search(rest + data):
            return True
        rest = (
            data[-MAX_ID_DIGITS:] if len(data) > MAX_ID_DIGITS else (rest + data)[-MAX_ID_DIGITS:]
        )
    return False
