"""Drafts of account lists, kept between the pages that look the names up, show and save them.

A draft is a file in the instance folder. Nothing typed is lost when Twitter makes people wait or a
page is closed; a draft that is left alone for a week is deleted.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec

from sfm import clock
from sfm.accounts import list_import
from sfm.accounts.list_import import Cost, ImportOutcome, ImportPreview, ListLine
from sfm.errors import NotFound
from sfm.extensions import settings
from sfm.messages import Message, pack, unpack
from sfm.networks.adapter import AccountLookup

KEEP_FOR = timedelta(days=7)
NAMES_PER_STEP = 500  # names in one step of a page: five calls
LINES_PER_STEP = 1000  # lines in one step of a page
_TOKEN = re.compile(r"[0-9a-f]{24}")
GONE = Message(
    "This list is not here any more: it was saved, given up, or left alone for over a week."
)


class ListDraft(msgspec.Struct):
    """A list, how far it is looked up, and how far it is saved."""

    owner_id: int
    lines: list[ListLine]
    looked_up: int = 0  # of the lines that need it, in their order
    saved: int = 0  # lines
    set_id: int | None = None
    active: bool = True
    with_protected: bool = False  # add protected accounts too
    added: int = 0
    renamed: int = 0
    put_into_set: int = 0

    @property
    def to_look_up(self) -> list[ListLine]:
        """The lines whose names have to be looked up, in that order."""
        lines = (line for line in self.lines if line.verdict not in ("twice", "not_a_name"))
        return list(lines)

    @property
    def verdicts(self) -> frozenset[list_import.Verdict]:
        """The verdicts of the lines that are added."""
        return list_import.WITH_PROTECTED if self.with_protected else list_import.PUBLIC

    @property
    def is_looked_up(self) -> bool:
        return self.looked_up >= len(self.to_look_up)

    @property
    def cost(self) -> Cost:
        return list_import.cost_of(self.lines)

    @property
    def counts(self) -> dict[list_import.Verdict, int]:
        return ImportPreview(self.lines, self.cost).counts()


def begin(owner_id: int, text: str) -> str:
    """Store a pasted or uploaded list; its token. Raises WrongInput for none or too many names."""
    delete_expired()
    draft = ListDraft(owner_id, list_import.read_lines(text.splitlines()))
    token = secrets.token_hex(12)
    keep(token, draft)
    return token


def find(owner_id: int, token: str) -> ListDraft:
    """The owner's draft with this token. Raises NotFound, also for somebody else's."""
    try:
        if not _TOKEN.fullmatch(token):
            raise FileNotFoundError
        draft = msgspec.json.decode(_path(token).read_bytes(), type=ListDraft)
    except (FileNotFoundError, msgspec.MsgspecError) as exc:
        raise NotFound(GONE) from exc
    if draft.owner_id != owner_id:
        raise NotFound(GONE)
    for line in draft.lines:
        line.message = unpack(line.message)
    return draft


def look_up_next(client: AccountLookup, draft: ListDraft) -> None:
    """Ask Twitter for the next names of a draft, 500 at most. Raises NetworkErrors."""
    lines = draft.to_look_up[draft.looked_up : draft.looked_up + NAMES_PER_STEP]
    preview = list_import.preview(client, [line.name for line in lines])
    answers = {line.name.lower(): line for line in preview.lines}
    for line in lines:
        answer = answers[line.name.lower()]
        line.verdict, line.message, line.record = answer.verdict, answer.message, answer.record
        line.twitter_user_id = answer.twitter_user_id
    # A line that turned out to be no possible name after all would shift the count: none can.
    draft.looked_up += len(lines)


def next_to_save(draft: ListDraft) -> Iterator[list[ListLine]]:
    """The next lines to be saved, 1,000 at most, in pieces of one transaction each."""
    end = min(draft.saved + LINES_PER_STEP, len(draft.lines))
    while draft.saved < end:
        piece = draft.lines[draft.saved : min(draft.saved + list_import.LINES_PER_TRANSACTION, end)]
        yield piece
        draft.saved += len(piece)


def add_counts(draft: ListDraft, outcome: ImportOutcome) -> None:
    """Add the outcome of saving some lines."""
    draft.added += outcome.added
    draft.renamed += outcome.renamed
    draft.put_into_set += outcome.put_into_set


def keep(token: str, draft: ListDraft) -> None:
    """Write a draft in one step: a reader finds the old one or the new one."""
    path = _path(token)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(draft, enc_hook=pack))
    fresh.replace(path)


def delete(token: str) -> None:
    """Delete a draft."""
    _path(token).unlink(missing_ok=True)


def delete_expired() -> None:
    """Delete all drafts that were left alone for a week."""
    oldest = (clock.now() - KEEP_FOR).timestamp()
    for path in _path("0").parent.glob("*.*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def _path(token: str) -> Path:
    return settings().instance / "lists" / f"{token}.json"
