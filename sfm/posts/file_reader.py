"""Reading files of posts as archives hold them, line by line, in little memory.

JSON lines of v1.1 or v2, flattened ones, whole response pages, one pretty-printed document; plain
or gzip, told by the content. Never raises for what a line holds: that is told line by line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.networks.page import PostRecord
from sfm.networks.record import Unreadable

MAX_LINE_BYTES = 32 * 1024 * 1024  # bytes; also of a document that is no line
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class FileProblem:
    """Something in a file that is no post: where, why, and how it begins."""

    line: int
    reason: str
    begins: str


@dataclass(frozen=True)
class LineContent:
    """What one line held."""

    line: int
    records: tuple[PostRecord, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    is_broken_off: bool = False  # the file cannot be read any further


def read_file(path: Path, behind_line: int = 0) -> Iterator[LineContent]:
    """What each line of a file holds, those up to `behind_line` passed over unread.

    Blank lines are left out. Raises WrongInput where the file cannot be opened.
    """
    with _open_or_problem(path) as file:
        number = 0
        try:
            for number, line in enumerate(_lines(file), start=1):
                if number <= behind_line:
                    continue
                content = _line(number, line)
                if number == 1 and _may_be_document(line, content):
                    whole = _document(path)
                    if whole is not None:
                        yield whole
                        return
                if content is not None:
                    yield content
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as exc:
            yield _broken_off(number, exc)


def _broken_off(number: int, exc: Exception) -> LineContent:
    reason = Message(
        "The file is cut off or damaged behind this line (%(error)s).", error=type(exc).__name__
    )
    return LineContent(number, problems=(FileProblem(number, reason, ""),), is_broken_off=True)


def _open_or_problem(path: Path) -> IO[bytes]:
    try:
        return _open(path)
    except OSError as exc:
        raise WrongInput(
            Message("%(path)s cannot be read (%(reason)s).", path=path, reason=exc.strerror)
        ) from exc


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Lines without their ends; None for one that is too long to be read."""
    while line := file.readline(MAX_LINE_BYTES):
        if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            yield None
        else:
            yield line.rstrip(b"\r\n")


def _line(number: int, line: bytes | None) -> LineContent | None:
    if line is None:
        reason = Message("This line is longer than %(limit)s MB.", limit=MAX_LINE_BYTES // 2**20)
        return LineContent(number, problems=(FileProblem(number, reason, ""),))
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    if not line.strip():
        return None
    try:
        return LineContent(number, (PostRecord(line, NETWORK.parse_line(line)),))
    except Unreadable as why:
        return _page(number, line, why)


def _page(number: int, line: bytes, why: Unreadable) -> LineContent:
    """A line that is no post may be a whole page of them."""
    try:
        page = NETWORK.split_page(line) if why.reason == "not_a_post" else None
    except Unreadable:
        page = None
    if page is None or not (page.records or page.refused):
        return LineContent(number, problems=(FileProblem(number, why.message, _beginning(line)),))
    problems = [
        FileProblem(number, refused.message, _beginning(refused.raw)) for refused in page.refused
    ]
    return LineContent(number, page.records, tuple(problems))


def _beginning(line: bytes) -> str:
    text = line[:100].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)


def _may_be_document(line: bytes | None, content: LineContent | None) -> bool:
    return bool(line and content and not content.records and line.lstrip()[:1] in (b"{", b"["))


def _document(path: Path) -> LineContent | None:
    """The whole file as one document, where it is one; None where it is not."""
    with _open(path) as file:
        body = file.read(MAX_LINE_BYTES + 1)
    if len(body) > MAX_LINE_BYTES:
        return None
    try:
        page = NETWORK.split_page(body.removeprefix(b"\xef\xbb\xbf"))
    except Unreadable:
        return None
    if not page.records:
        return None
    problems = [
        FileProblem(1, refused.message, _beginning(refused.raw)) for refused in page.refused
    ]
    return LineContent(1, page.records, tuple(problems))
