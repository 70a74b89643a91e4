"""gzip members: each batch of lines is one, whole in itself, so that a kill spoils only the last.

A file is members one behind the other; `zcat`, Python's gzip and browsers read it as one text.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from zlib_ng import zlib_ng

LEVEL = 6
GZIP_FORM = 31  # zlib's way to ask for gzip's header and check sum
CHUNK = 64 * 1024


def member(lines: Sequence[bytes], level: int = LEVEL) -> bytes:
    """One gzip member that holds these lines, each of which ends in a line feed."""
    packer = zlib_ng.compressobj(level, zlib_ng.DEFLATED, GZIP_FORM, 9)
    packed: bytes = packer.compress(b"".join(lines))
    return packed + packer.flush()


@dataclass(frozen=True)
class Member:
    """A whole member: where it ends in the file, and what it holds."""

    end: int
    text: bytes


def whole_members(file: BinaryIO) -> Iterator[Member]:
    """The members of a file from its present place, up to the first that is not whole.

    A member is whole if its check sum is right and it ends in a line feed. Raises nothing for what
    is cut or spoilt: there the members end.
    """
    parts: list[bytes] = []
    for text, end in inflate(file):
        parts.append(text)
        if end is not None:
            whole = b"".join(parts)
            if not whole.endswith(b"\n"):
                return
            yield Member(end, whole)
            parts = []


def inflate(file: BinaryIO) -> Iterator[tuple[bytes, int | None]]:
    """Pieces of text, each with the place in the file where its member ends, if it ends there.

    Stops in silence where a member is cut or spoilt: compare the last end with the file's length.
    """
    end = file.tell()
    ahead = b""
    while True:
        packer = zlib.decompressobj(GZIP_FORM)
        while not packer.eof:
            data = ahead or file.read(CHUNK)
            if not data:
                return
            try:
                text = packer.decompress(data)
            except zlib.error:
                return
            ahead = packer.unused_data
            end += len(data) - len(ahead)
            yield text, end if packer.eof else None
