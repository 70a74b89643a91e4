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
from sfm.removals.redact import Wanted
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
from sfm.takedown.database import Stored
from sfm.takedown.exports import Exported
from sfm.takedown.outcome import Outcome
from sfm.takedown.seen_files import SeenFiles
from sfm.takedown.stream_files import Holding

MOST_AT_ONCE = 100
MOST_LOOKS = 20  # after the first few only what came in within seconds can be left
STILL_THERE = Message("Something came in again after each look. Run this again.")

Watch = Callable[[], object]


def no_watch() -> None:
    """For callers who only wait."""


@dataclass
class Looked:
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

    wanted: Wanted
    tweets: Stored
    sealed: tuple[Holding, ...]
    aside: tuple[Path, ...]
    exports: Exported
    later: tuple[Path, ...]
    looked: Looked = field(compare=False, repr=False)

    @property
    def anything(self) -> bool:
        """Whether there is anything that can be removed now."""
        return self.was_kept or self.exports.anything

    @property
    def was_kept(self) -> bool:
        """Whether any of it is elsewhere than in exports."""
        return any((self.tweets.gone, self.tweets.cut, self.sealed, self.aside))

    def counts(self) -> dict[str, int]:
        """How much goes, for the audit log."""
        return {
            "stored": len(self.tweets.gone),
            "copies cut out": len(self.tweets.cut),
            "stream files": len(self.sealed),
            "lines in stream files": sum(one.lines for one in self.sealed),
            "files put aside": len(self.aside),
            "exports": len(self.exports.exports) + len(self.exports.files),
            "lists of ids": len(self.exports.lists),
        }


def checked(ids: Iterable[int]) -> Wanted:
    """The tweets to look for. Raises WrongInput."""
    wanted = Wanted(frozenset(ids))
    if not 0 < len(wanted.ids) <= MOST_AT_ONCE:
        raise WrongInput(Message("Name one id at least and %(limit)s at most.", limit=MOST_AT_ONCE))
    if not all(0 < number <= MAX_ID for number in wanted.ids):
        raise WrongInput(Message("The id of a tweet is a number of 19 digits at most."))
    return wanted


def find(ids: Iterable[int], watch: Watch = no_watch, looked: Looked | None = None) -> Findings:
    """Where these tweets are kept. Reads everything, changes nothing. Raises WrongInput.

    With `looked`, only what came or changed since the look before. Calls `watch` every few
    seconds; what it raises ends the work.
    """
    wanted = checked(ids)
    looked = looked or Looked()
    root = settings().data_folder
    # Growing files before sealed ones: what is sealed in between is found among these.
    growing = stream_files.growing(root, wanted)
    tweets = database.find(wanted, watch, looked.highest)
    looked.highest = tweets.highest
    holding = stream_files.sealed(root, wanted, watch, looked.streams)
    sealed = [one for one in holding if one.path not in looked.failed]
    aside = [one for one in stream_files.put_aside(root, wanted) if one not in looked.failed]
    posts = {number for one in sealed for number in one.posts}
    everything = looked.search_for({*wanted.ids, *tweets.gone, *tweets.cut, *posts})
    version = register.taken_out_at(wanted.ids)
    exports = takedown_exports.find(everything, watch, looked.exports, version)
    db.session.rollback()
    later = (*growing, *exports.busy)
    return Findings(wanted, tweets, tuple(sealed), tuple(aside), exports, later, looked)


def refuse(ids: Iterable[int], run_id: int | None = None) -> int:
    """Put these into the register of removed posts, so that none comes in from here on; the
    register's version. Commits."""
    return unit_of_work(partial(_refuse, frozenset(ids), run_id))


def remove(
    found: Findings,
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
    ids = found.wanted.ids
    version = refuse(ids, run_id)
    unaware = collectors.wait_until_known(version, watch)
    seal_files_of_deleted_filters(settings().data_folder, settings().instance / "run")
    counts: Counter[str] = Counter()
    troubles: list[str] = []
    for _ in range(MOST_LOOKS):
        counts.update(found.counts())
        troubles += _remove_found(found, reason, watch)
        found = find(ids, watch, found.looked)
        if not found.anything:
            break
    else:
        troubles.append(STILL_THERE)
    secure_delete.merge_words()
    outcome = Outcome(dict(counts), tuple(troubles), found.later, unaware)
    if may_return and outcome.nothing_left:
        unit_of_work(partial(_as_one_writer, register.release, ids))
    return outcome


def _refuse(ids: frozenset[int], run_id: int | None) -> int:
    bulk_sql.lock_writers(db.session.connection())
    return register.add(ids, run_id=run_id)


def _as_one_writer(change: Callable[[frozenset[int]], object], ids: frozenset[int]) -> None:
    bulk_sql.lock_writers(db.session.connection())
    change(ids)


def _remove_found(found: Findings, reason: str, watch: Watch) -> list[str]:
    """Remove what one look has found; what could not be done, in words. Commits."""
    if found.anything:
        unit_of_work(lambda: _take_out(found, reason))
    root = settings().data_folder
    ways: list[tuple[Path, Callable[[Path, Wanted], None]]]
    ways = [(one.path, partial(stream_files.rewrite, root)) for one in found.sealed]
    ways += [(path, stream_files.clean_put_aside) for path in found.aside]
    troubles = []
    for path, write_anew in ways:
        watch()
        try:
            write_anew(path, found.wanted)
        except SfmError as exc:
            found.looked.failed.add(path)
            troubles.append(exc.message)
    _note_taken_out(found)
    return troubles


def _note_taken_out(found: Findings) -> None:
    """From here on, exports that were read before are made again when they are finished."""
    never = register.taken_out_at(found.wanted.ids) is None
    db.session.rollback()
    if found.was_kept or never:
        unit_of_work(partial(_as_one_writer, register.mark_taken_out, found.wanted.ids))


def _take_out(found: Findings, reason: str) -> None:
    """Out of the database and the exports; one entry for each tweet, none of their words."""
    secure_delete.overwrite_deleted()
    for number in sorted(found.wanted.ids):
        after = {"reason": reason, **found.counts(), "left for later": len(found.later)}
        audit.record("tweet.removed", kind="tweet", subject_id=number, after=after)
    database.remove(found.tweets, found.wanted)
    takedown_exports.remove(found.exports, found.wanted.ids)
