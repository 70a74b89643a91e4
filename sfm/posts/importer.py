"""Importing files of posts that are held elsewhere already. Commits once per batch.

What is held already stays as it is, so an import may be done again; one that was cut off goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from sqlalchemy import select

from sfm.atomic_file import free_name
from sfm.database import db
from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.models import AccountEvent, Run, TwitterUser
from sfm.models.account import UNKNOWN_AUTHOR
from sfm.networks.page import PostRecord
from sfm.networks.record import Post
from sfm.posts import bulk_sql
from sfm.posts.file_reader import FileProblem, LineContent, read_file
from sfm.posts.store import CapturedBy, Saved, save_page
from sfm.runs.context import RunContext
from sfm.runs.jobs import IMPORT_TWEETS
from sfm.runs.transactions import unit_of_work

BATCH = 250  # posts; rows and raw lines of a batch are held in memory


@dataclass
class Imported:
    """What became of one file's posts. `went_on_at` is the line an earlier import had come to."""

    path: Path
    read: int = 0
    new: int = 0
    known: int = 0
    without_account: int = 0
    removed: int = 0
    unreadable: int = 0
    added_accounts: int = 0
    went_on_at: int = 0
    is_broken_off: bool = False

    @property
    def rejects(self) -> Path:
        """Where the unreadable lines are listed."""
        return self.path.with_name(self.path.name + ".rejects")


@dataclass
class _Batch:
    records: list[PostRecord] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)  # of each record
    problems: list[FileProblem] = field(default_factory=list)
    last_line: int = 0
    is_broken_off: bool = False


@dataclass
class Owners:
    """The collected accounts by uid; with `adding`, unknown authors become inactive accounts."""

    adding: bool
    by_uid: dict[int, int] = field(default_factory=dict)

    @classmethod
    def load(cls, adding: bool) -> Owners:
        """All accounts that have a uid."""
        query = select(TwitterUser.uid, TwitterUser.id).where(TwitterUser.uid.is_not(None))
        by_uid = {row.uid: row.id for row in db.session.execute(query) if row.uid}
        nobody = select(TwitterUser.id).where(
            TwitterUser.uid.is_(None), TwitterUser.name == UNKNOWN_AUTHOR
        )
        if adding and (account_id := db.session.scalar(nobody)):
            by_uid[0] = account_id
        return cls(adding, by_uid)

    def add_missing(self, records: Iterable[PostRecord]) -> dict[int, int]:
        """Make accounts of unknown authors, flushed; returns their ids by uid."""
        if not self.adding:
            return {}
        unknown: dict[int, Post] = {}
        for post in (record.post for record in records):
            uid = post.author_uid or 0
            if uid not in self.by_uid and not (uid in unknown and unknown[uid].screen_name):
                unknown[uid] = post
        made = {uid: _account_of(uid, post) for uid, post in unknown.items()}
        db.session.add_all(made.values())
        db.session.flush()
        db.session.add_all(
            AccountEvent(twitter_user_id=account.id, kind="added", after=account.name)
            for account in made.values()
        )
        return {uid: account.id for uid, account in made.items()}


def _account_of(uid: int, post: Post) -> TwitterUser:
    """An account out of what a post tells of its author.

    Some archives left the author out but for the number, some altogether (uid 0 here); a name in
    brackets is no name that Twitter gives, so it can never be taken for somebody's.
    """
    return TwitterUser(
        uid=uid or None,
        name=(post.screen_name or f"({uid})")[:50] if uid else UNKNOWN_AUTHOR,
        is_active=False,
        display_name=post.author_name or "",
        description=post.author_description or "",
        location=post.author_location or "",
        created_on_twitter_at=post.author_created_at,
    )


def import_files(
    run: RunContext,
    paths: Iterable[Path],
    *,
    add_users: bool = False,
    captured_by: CapturedBy = "import",
    tell: Callable[[Imported], object] = lambda _: None,
) -> list[Imported]:
    """Take over the posts of these files, in their order; `tell` is called after each.

    `captured_by` is noted with each new post. Unreadable lines are listed in FILE.rejects. Raises
    WrongInput for a file that cannot be opened, and what `unit_of_work` and `RunContext.check`
    raise; what was committed stays.
    """
    owners = Owners.load(add_users)
    bulk_sql.use_little_memory(db.session.connection())
    files = []
    for path in paths:
        imported = _import_file(run, path, owners, captured_by)
        files.append(imported)
        tell(imported)
    return files


def _import_file(run: RunContext, path: Path, owners: Owners, captured_by: CapturedBy) -> Imported:
    imported = Imported(path)
    mark = _fingerprint(path, owners.adding)
    imported.went_on_at = _resume_line(mark)
    run.set_status(f"Reading {path.name}")
    with _Rejects(imported) as rejects:
        for batch in _batches(read_file(path, imported.went_on_at)):
            run.check()
            saved, made = unit_of_work(partial(_save, run, owners, batch, captured_by))
            owners.by_uid.update(made)
            _count(imported, batch, saved, len(made))
            rejects.write(batch, saved)
            run.advance(len(batch.records), saved.new, saved=True)
            run.save_cursor({"mark": mark, "line": batch.last_line})
    run.save_cursor({})
    return imported


def _save(
    run: RunContext, owners: Owners, batch: _Batch, captured_by: CapturedBy
) -> tuple[Saved, dict[int, int]]:
    made = owners.add_missing(batch.records)
    owner = owners.by_uid | made if made else owners.by_uid
    saved = save_page(batch.records, captured_by=captured_by, run_id=run.id, owner=owner)
    run.check_lease(added=saved.new)
    return saved, made


def _count(imported: Imported, batch: _Batch, saved: Saved, made: int) -> None:
    imported.read += len(batch.records)
    imported.new += saved.new
    imported.known += saved.known
    imported.without_account += len(saved.unowned)
    imported.removed += saved.removed
    imported.unreadable += len(batch.problems) + len(saved.rejected)
    imported.added_accounts += made
    imported.is_broken_off = imported.is_broken_off or batch.is_broken_off


def _batches(reads: Iterable[LineContent]) -> Iterator[_Batch]:
    batch = _Batch()
    for read in reads:
        batch.records += read.records
        batch.lines += [read.line] * len(read.records)
        batch.problems += read.problems
        batch.last_line = read.line
        batch.is_broken_off = read.is_broken_off
        if len(batch.records) + len(batch.problems) >= BATCH:
            yield batch
            batch = _Batch()
    if batch.last_line:
        yield batch


class _Rejects:
    """FILE.rejects: number, reason and beginning of each line that is no post. Made at need."""

    def __init__(self, imported: Imported) -> None:
        self.path = imported.rejects
        self.goes_on = imported.went_on_at > 0
        self.file: IO[str] | None = None

    def __enter__(self) -> _Rejects:
        if not self.goes_on and os.path.lexists(self.path):
            self.path.rename(free_name(self.path))  # the list of an earlier import, kept
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.file is not None:
            self.file.close()

    def write(self, batch: _Batch, saved: Saved) -> None:
        rows = [(problem.line, problem.reason, problem.begins) for problem in batch.problems]
        for problem in saved.rejected:
            rows.append((batch.lines[problem.position], problem.reason, str(problem.twitter_id)))
        if rows and self.file is None:
            self.file = self._open()
        if self.file is not None:
            self.file.writelines(
                f"{line}\t{reason}\t{begins}\n" for line, reason, begins in sorted(rows)
            )
            self.file.flush()

    def _open(self) -> IO[str]:
        try:
            return self.path.open("a", encoding="utf-8")
        except OSError as exc:
            raise WrongInput(
                Message(
                    "Unreadable lines cannot be listed in %(path)s (%(reason)s). Copy the file to "
                    "a folder that can be written to.",
                    path=self.path,
                    reason=exc.strerror,
                )
            ) from exc


def _fingerprint(path: Path, adding: bool) -> str:
    """Tells whether an earlier import that was cut off read the same file in the same way."""
    try:
        status = path.stat()
        with path.open("rb") as file:
            head = file.read(65_536)
    except OSError as exc:
        raise WrongInput(
            Message("%(path)s cannot be read (%(reason)s).", path=path, reason=exc.strerror)
        ) from exc
    text = f"{status.st_size} {status.st_mtime_ns} {adding} {hashlib.sha256(head).hexdigest()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _resume_line(mark: str) -> int:
    """The line up to which a run that did not finish has this file; 0 where none has."""
    ended = select(Run.cursor).where(
        Run.kind == IMPORT_TWEETS, Run.state.in_(("failed", "cancelled"))
    )
    for cursor in db.session.scalars(ended.order_by(Run.id.desc()).limit(20)):
        if cursor.get("mark") == mark:
            return int(cursor.get("line", 0))
    return 0
