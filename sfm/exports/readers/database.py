"""Tweets out of the database, in one unchanging view of it, a batch at a time."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from sfm.database import db
from sfm.exports.readers.dialects import among, freeze, ids_parameter
from sfm.exports.readers.stored import StoredPosts
from sfm.exports.request import Criteria
from sfm.exports.tally import Tally
from sfm.models import TwitterUserItem
from sfm.posts.search import find
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection

BATCH = 250
IDS_AT_ONCE = 10_000

NOT_HELD = "not held here"
NOT_AS_ASKED = "not as the criteria ask"
NOT_DRAWN = "not drawn for the sample"


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A connection of its own that sees one state of the database, whatever others write."""
    with db.engine.connect() as connection:
        try:
            yield freeze(connection)
        finally:
            connection.rollback()
            connection.invalidate()


class DatabaseTweets:
    """The tweets that the criteria ask for, oldest first.

    All ids are read first (8 bytes each), so that the number is known before the first row, a
    sample is fair, and no database has to sort whole rows.
    """

    def __init__(self, connection: Connection, criteria: Criteria, fields: Sequence[str]) -> None:
        self.tally = Tally()
        self._reader = StoredPosts(connection, fields)
        ids = _all_ids(connection, criteria.selection)
        self.tally.read = len(ids)
        if criteria.sample is not None and criteria.sample < len(ids):
            self.tally.leave_out(NOT_DRAWN, len(ids) - criteria.sample)
            ids = sample_of(ids, criteria)
        self._ids = ids
        self.total = len(ids)

    def batches(self) -> Iterator[list[Any]]:
        """The stored tweets, a few hundred at a time."""
        for start in range(0, len(self._ids), BATCH):
            yield self._reader.read(self._ids[start : start + BATCH].tolist())


class ListedTweets:
    """The tweets of a list of ids that are held here, oldest first; each once."""

    def __init__(
        self,
        connection: Connection,
        criteria: Criteria,
        fields: Sequence[str],
        listed: array[int],
    ) -> None:
        self.tally = Tally(read=len(listed))
        self._reader = StoredPosts(connection, fields)
        once = array("q", sorted(set(listed)))
        self.tally.leave_out("listed before", len(listed) - len(once))
        ids = self._as_asked(connection, criteria, once)
        if criteria.sample is not None and criteria.sample < len(ids):
            self.tally.leave_out(NOT_DRAWN, len(ids) - criteria.sample)
            ids = sample_of(ids, criteria)
        self._ids = ids
        self.total = len(ids)

    batches = DatabaseTweets.batches

    def _as_asked(self, connection: Connection, criteria: Criteria, ids: array[int]) -> array[int]:
        found = array("q")
        is_listed = among(TwitterUserItem.twitter_id, connection.dialect.name)
        held = select(TwitterUserItem.twitter_id).where(is_listed)
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH].tolist()
            here = sorted(connection.execute(held, ids_parameter(connection, some)).scalars())
            fitting = here
            if here and not criteria.selection.is_everything:
                scope = scope_of(connection, replace(criteria.selection, ids=tuple(here)))
                fitting = [row[0] for row in find(connection, scope, BATCH, ascending=True)]
            self.tally.leave_out(NOT_HELD, len(some) - len(here))
            self.tally.leave_out(NOT_AS_ASKED, len(here) - len(fitting))
            found.extend(fitting)
        return found


def count_wanted(criteria: Criteria, at_most: int | None = None) -> int:
    """How many tweets of the database the criteria ask for, counted no further than `at_most`."""
    with snapshot() as connection:
        return len(_all_ids(connection, criteria.selection, at_most))


def sample_of(ids: array[int], criteria: Criteria) -> array[int]:
    """So many of the ids, drawn by chance from the seed, in their order."""
    return array("q", [ids[place] for place in places_drawn(len(ids), criteria)])


def places_drawn(count: int, criteria: Criteria) -> list[int]:
    """Which of `count` tweets are drawn for the sample, ascending; all where they are fewer."""
    dice = random.Random(criteria.seed)  # noqa: S311  (fair, not secret)
    return sorted(dice.sample(range(count), min(criteria.sample or 0, count)))


def _all_ids(
    connection: Connection, selection: Selection, at_most: int | None = None
) -> array[int]:
    """All ids of a selection, ascending, a page at a time: the ways that lists are found by."""
    found = array("q")
    scope = scope_of(connection, selection)
    low = 0
    while True:
        page = find(connection, scope, IDS_AT_ONCE, low=low, ascending=True)
        found.extend([row[0] for row in page])
        if len(page) < IDS_AT_ONCE or (at_most is not None and len(found) >= at_most):
            return found[:at_most]
        low = found[-1] + 1
