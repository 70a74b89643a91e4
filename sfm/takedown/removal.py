"""Taking posts out of everything that is kept: found, removed, looked for again until none is left.

From the first step on the posts are in the register of removed posts, so that nothing that saves,
imports, seals, fills or exports at the same time brings them back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sfm import audit
from sfm.database import db
from sfm.errors import SfmError, WrongInput
from sfm.extensions import settings
from sfm.messages import Message
from sfm.networks.record import MAX_ID
from sfm.posts import bulk_sql
from sfm.removals import register
from sfm.removals.redact import RemovedIds
from sfm.runs.transactions import unit_of_work
from sfm.streams.deleted_filter_files import seal_files_of_deleted_filters
from sfm.takedown import (
    collectors,
    database,
    secure_delete,
    stream_files,
)
from sfm.takedown import (
    exports as takedown_exports,
)
from sfm.takedown.database import MatchingPosts
from sfm.takedown.exports import MatchingExports
from sfm.takedown.outcome import Outcome
from sfm.takedown.seen_files import SeenFiles
from sfm.takedown.stream_files import MatchingFile

MAX_IDS = 100
MAX_PASSES = 20  # after the first few only what came in within seconds can be left
STILL_COMING_IN = Message("Something came in again after each look. Run this again.")

Watch = Callable[[], object]


def no_watch() -> None:
    """For callers who only wait."""


@dataclass
class SearchState:
    """How far the looks of one removal have come: what is not read again by the next."""

    streams: SeenFiles = field(default_factory=SeenFiles)
    exports: SeenFiles = field(default_factory=SeenFiles)
    highest: int = 0  # of our own numbers of stored posts
    ids: frozenset[int] = frozenset()  # searched for in exports
    failed: set[Path] = field(default_factory=set)  # could not be written without them

    def search_for(self, ids: Iterable[int]) -> frozenset[int]:
        """These ids too; where they are new, all exports are read again."""
        more = self.ids | frozenset(ids)
        if more != self.ids:
            self.ids = more
            self.exports.forget()
        return self.ids


@dataclass(frozen=True)
class Findings:
    """All places that hold the posts. `later` are files that may not be touched yet."""

    posts: RemovedIds
    matches: MatchingPosts
    sealed: tuple[MatchingFile, ...]
    aside: tuple[Path, ...]
    exports: MatchingExports
    later: tuple[Path, ...]
    looked: SearchState = field(compare=False, repr=False)

    @property
    def anything(self) -> bool:
        """Whether there is anything that can be removed now."""
        return self.was_kept or self.exports.anything

    @property
    def was_kept(self) -> bool:
        """Whether any of it is elsewhere than in exports."""
        return any((self.matches.gone, self.matches.cut, self.sealed, self.aside))

    def counts(self) -> dict[str, int]:
        """How much goes, for the audit log."""
        return {
            "stored": len(self.matches.gone),
            "copies cut out": len(self.matches.cut),
            "stream files": len(self.sealed),
            "lines in stream files": sum(file.lines for file in self.sealed),
            "files put aside": len(self.aside),
            "exports": len(self.exports.exports) + len(self.exports.files),
            "lists of ids": len(self.exports.lists),
        }


def validate_ids(ids: Iterable[int]) -> RemovedIds:
    """The posts to look for. Raises WrongInput."""
    posts = RemovedIds(frozenset(ids))
    if not 0 < len(posts.ids) <= MAX_IDS:
        raise WrongInput(Message("Name one id at least and %(limit)s at most.", limit=MAX_IDS))
    if not all(0 < number <= MAX_ID for number in posts.ids):
        raise WrongInput(Message("The id of a post is a number of 19 digits at most."))
    return posts


def find_posts(
    ids: Iterable[int], watch: Watch = no_watch, state: SearchState | None = None
) -> Findings:
    """Where these posts are kept. Reads everything, changes nothing. Raises WrongInput.

    With `looked`, only what came or changed since the look before. Calls `watch` every few
    seconds; what it raises ends the work.
    """
    posts = validate_ids(ids)
    state = state or SearchState()
    root = settings().data_folder
    # Growing files before sealed ones: what is sealed in between is found among these.
    growing = stream_files.growing(root, posts)
    matches = database.find(posts, watch, state.highest)
    state.highest = matches.highest
    holding = stream_files.sealed(root, posts, watch, state.streams)
    sealed = [file for file in holding if file.path not in state.failed]
    aside = [
        file for file in stream_files.quarantined_files(root, posts) if file not in state.failed
    ]
    post_ids = {number for file in sealed for number in file.posts}
    everything = state.search_for({*posts.ids, *matches.gone, *matches.cut, *post_ids})
    version = register.taken_out_at(posts.ids)
    exports = takedown_exports.find(everything, watch, state.exports, version)
    db.session.rollback()
    later = (*growing, *exports.busy)
    return Findings(posts, matches, tuple(sealed), tuple(aside), exports, later, state)


def register_ids(ids: Iterable[int], run_id: int | None = None) -> int:
    """Put these into the register of removed posts, so that none comes in from here on; the
    register's version. Commits."""
    return unit_of_work(partial(_register_ids, frozenset(ids), run_id))


def remove_posts(
    findings: Findings,
    reason: str,
    watch: Watch = no_watch,
    *,
    may_return: bool = False,
    run_id: int | None = None,
) -> Outcome:
    """Remove all that was found, and look again until a look finds nothing; what is left. Commits.

    The audit log has it with what goes from the database, before any stream file is written anew.
    Cut off anywhere, it can be run again. The posts are refused from here on, for ever; with
    `may_return` until nothing of them is left here.
    """
    ids = findings.posts.ids
    version = register_ids(ids, run_id)
    unaware = collectors.wait_until_known(version, watch)
    seal_files_of_deleted_filters(settings().data_folder, settings().instance / "run")
    counts, errors, findings = _remove_until_none_is_found(findings, reason, watch)
    secure_delete.merge_words(watch)
    outcome = Outcome(dict(counts), tuple(errors), findings.later, unaware)
    if may_return and outcome.nothing_left:
        unit_of_work(partial(_as_one_writer, register.release, ids))
    return outcome


def _remove_until_none_is_found(
    findings: Findings, reason: str, watch: Watch
) -> tuple[Counter[str], list[str], Findings]:
    """What went, by kind; what could not be done; and the last look."""
    counts: Counter[str] = Counter()
    errors: list[str] = []
    for _ in range(MAX_PASSES):
        counts.update(findings.counts())
        errors += _remove_found(findings, reason, watch)
        findings = find_posts(findings.posts.ids, watch, findings.looked)
        if not findings.anything:
            return counts, errors, findings
    return counts, [*errors, STILL_COMING_IN], findings


def _register_ids(ids: frozenset[int], run_id: int | None) -> int:
    bulk_sql.lock_writers(db.session.connection())
    return register.add(ids, run_id=run_id)


def _as_one_writer(change: Callable[[frozenset[int]], object], ids: frozenset[int]) -> None:
    bulk_sql.lock_writers(db.session.connection())
    change(ids)


def _remove_found(findings: Findings, reason: str, watch: Watch) -> list[str]:
    """Remove what one look has found; what could not be done, in words. Commits."""
    if findings.anything:
        unit_of_work(lambda: _take_out(findings, reason))
    root = settings().data_folder
    rewrites: list[tuple[Path, Callable[[Path, RemovedIds], None]]]
    rewrites = [(file.path, partial(stream_files.rewrite, root)) for file in findings.sealed]
    rewrites += [(path, stream_files.clean_quarantined) for path in findings.aside]
    errors = []
    for path, write_anew in rewrites:
        watch()
        try:
            write_anew(path, findings.posts)
        except SfmError as exc:
            findings.looked.failed.add(path)
            errors.append(exc.message)
    _note_taken_out(findings)
    return errors


def _note_taken_out(findings: Findings) -> None:
    """From here on, exports that were read before are made again when they are finished."""
    never = register.taken_out_at(findings.posts.ids) is None
    db.session.rollback()
    if findings.was_kept or never:
        unit_of_work(partial(_as_one_writer, register.mark_taken_out, findings.posts.ids))


def _take_out(findings: Findings, reason: str) -> None:
    """Out of the database and the exports; one entry for each post, none of their words."""
    secure_delete.overwrite_deleted()
    for number in sorted(findings.posts.ids):
        after = {"reason": reason, **findings.counts(), "left for later": len(findings.later)}
        audit.record("tweet.removed", kind="tweet", subject_id=number, after=after)
    database.remove(findings.matches, findings.posts)
    takedown_exports.remove(findings.exports, findings.posts.ids)
