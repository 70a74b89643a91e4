"""Opens what the criteria name: the database, a list of ids, or stream files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from sfm.errors import WrongInput
from sfm.exports.readers.database import DatabaseTweets, ListedTweets
from sfm.exports.readers.id_list import read_ids
from sfm.exports.request import Criteria
from sfm.exports.result import Tally

NO_ID = "no tweet id on the line"


class FileGone(WrongInput):
    """A file is not (any more) where it was when the export was begun."""


class PostSource(Protocol):
    """Where tweets come from. `total` is None where it cannot be known beforehand."""

    tally: Tally

    @property
    def total(self) -> int | None: ...

    def batches(self) -> Iterator[list[Any]]: ...


def open_source(criteria: Criteria, connection: Connection, fields: Sequence[str]) -> PostSource:
    """The tweets that the criteria name, with these fields. Raises WrongInput."""
    if criteria.source == "files":
        from sfm.exports.readers.stream_files import StreamTweets

        return StreamTweets(connection, criteria, fields)
    if criteria.source == "ids":
        listed = read_ids(Path(criteria.ids_file))
        found = ListedTweets(connection, criteria, fields, listed.ids)
        found.tally.read += listed.without_id
        found.tally.leave_out(NO_ID, listed.without_id)
        return found
    return DatabaseTweets(connection, criteria, fields)
