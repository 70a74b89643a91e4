"""Taking tweets out of everything that is kept: finding first, then removing, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sfm import audit
from sfm.database import db
from sfm.errors import SfmError, WrongInput
from sfm.extensions import settings
from sfm.runs.transactions import unit_of_work
from sfm.takedown import exported, stored, stream_files, traces
from sfm.takedown.cutting import Wanted
from sfm.takedown.exported import Exported
from sfm.takedown.stored import Stored
from sfm.takedown.stream_files import Holding
from sfm.twitter.record import ID_LIMIT

MOST_AT_ONCE = 100


Watch = Callable[[], object]


def no_watch() -> None:
    """For callers who only wait."""


@dataclass(frozen=True)
class Found:
    """All places that hold the tweets. `later` are files that may not be touched yet."""

    wanted: Wanted
    tweets: Stored
    sealed: tuple[Holding, ...]
    aside: tuple[Path, ...]
    exports: Exported
    later: tuple[Path, ...]

    @property
    def anything(self) -> bool:
        """Whether there is anything that can be removed now."""
        kept = (self.tweets.gone, self.tweets.cut, self.sealed, self.aside)
        return any(kept) or any((self.exports.exports, self.exports.files, self.exports.lists))

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
        raise WrongInput(f"Name one id at least and {MOST_AT_ONCE} at most.")
    if not all(0 < number < ID_LIMIT for number in wanted.ids):
        raise WrongInput("The id of a tweet is a number of 19 digits at most.")
    return wanted


def find(ids: Iterable[int], watch: Watch = no_watch) -> Found:
    """Where these tweets are kept. Reads everything, changes nothing. Raises WrongInput.

    Calls `watch` every few seconds; what it raises ends the work.
    """
    wanted = checked(ids)
    root = settings().data_folder
    tweets = stored.find(wanted, watch)
    sealed = stream_files.sealed(root, wanted, watch)
    posts = {number for one in sealed for number in one.posts}
    exports = exported.find({*wanted.ids, *tweets.gone, *tweets.cut, *posts}, watch)
    aside, growing = stream_files.put_aside(root, wanted), stream_files.growing(root, wanted)
    db.session.rollback()
    later = (*growing, *exports.busy)
    return Found(wanted, tweets, tuple(sealed), tuple(aside), exports, later)


def remove(found: Found, reason: str, watch: Watch = no_watch) -> list[str]:
    """Remove all that was found but `later`; what could not be done, in words. Commits.

    The audit log has it with what goes from the database, before any stream file is written anew.
    Cut off anywhere, it can be run again.
    """
    unit_of_work(lambda: _take_out(found, reason))
    troubles = []
    root = settings().data_folder
    for one in found.sealed:
        watch()
        try:
            stream_files.rewrite(root, one.path, found.wanted)
        except SfmError as exc:
            troubles.append(exc.message)
    for path in found.aside:
        try:
            stream_files.clean_put_aside(path, found.wanted)
        except SfmError as exc:
            troubles.append(exc.message)
    traces.merge_words()
    return troubles


def _take_out(found: Found, reason: str) -> None:
    """Out of the database and the exports; one entry for each tweet, none of their words."""
    traces.overwrite_deleted()
    for number in sorted(found.wanted.ids):
        after = {"reason": reason, **found.counts(), "left for later": len(found.later)}
        audit.record("tweet.removed", kind="tweet", subject_id=number, after=after)
    stored.remove(found.tweets, found.wanted)
    exported.remove(found.exports, found.wanted.ids)
