"""Tweets out of stream files, merged without doubles, in the order of the files."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sfm import clock
from sfm.errors import WrongInput
from sfm.exports.readers.database import NOT_AS_ASKED, NOT_DRAWN, places_drawn
from sfm.exports.readers.matching import matcher
from sfm.exports.readers.open import FileGone
from sfm.exports.readers.seen import SeenIds
from sfm.exports.readers.stored import FINAL_URLS, IDS, NOT_FOLLOWED, stored_class
from sfm.exports.request import Criteria
from sfm.exports.tally import Tally
from sfm.networks.record import Tweet, Unreadable
from sfm.posts.columns import CONTENT, row_of
from sfm.twitter.parse.tweet import parse_line

BATCH = 500
GZIP_START = b"\x1f\x8b"
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)  # never shown

Met = tuple[Tweet, bytes]

MET_BEFORE = "met before in these files"
NO_TWEET = "not a tweet (a notice of the stream, or a damaged line)"


class StreamTweets:
    """The tweets of files: each once, the first time it is met.

    For a sample the files are read twice: nobody knows before how many tweets are drawn from.
    """

    def __init__(self, connection: Connection, criteria: Criteria, fields: Sequence[str]) -> None:
        self.tally = Tally()
        self.total: int | None = None
        self._criteria = criteria
        self._paths = [Path(name) for name in criteria.files]
        for path in self._paths:
            if not path.is_file():
                raise _gone(path)
        self._matches = matcher(connection, criteria.selection)
        self._stored = _storing(fields)

    def batches(self) -> Iterator[list[Any]]:
        """The tweets as if they were stored, some hundreds at a time; none while it counts."""
        if self._criteria.sample is None:
            for some in self._read(self.tally):
                yield [self._stored(*one) for one in some]
            return
        count = 0
        for some in self._read(Tally()):
            count += len(some)
            yield []
        drawn = set(places_drawn(count, self._criteria))
        self.total = len(drawn)
        place = 0
        for some in self._read(self.tally):
            kept = [one for at, one in enumerate(some, place) if at in drawn]
            place += len(some)
            self.tally.leave_out(NOT_DRAWN, len(some) - len(kept))
            yield [self._stored(*one) for one in kept]

    def _read(self, tally: Tally) -> Iterator[list[Met]]:
        with SeenIds() as seen:
            for path in self._paths:
                lines = self._lines(path)
                while some := list(islice(lines, BATCH)):
                    yield self._fitting(some, seen, tally)

    def _fitting(self, lines: list[bytes], seen: SeenIds, tally: Tally) -> list[Met]:
        tally.read += len(lines)
        met: list[Met] = []
        for line in lines:
            try:
                met.append((parse_line(line), line))
            except Unreadable:
                tally.leave_out(NO_TWEET)
        found = []
        new = seen.new_among([tweet.twitter_id for tweet, _line in met])
        for one, is_new in zip(met, new, strict=True):
            if not is_new:
                tally.leave_out(MET_BEFORE)
            elif not self._matches(one[0]):
                tally.leave_out(NOT_AS_ASKED)
            else:
                found.append(one)
        return found

    def _lines(self, path: Path) -> Iterator[bytes]:
        """The lines that hold anything. Raises FileGone, WrongInput at a tear with what to do."""
        try:
            with open(path, "rb") as plain:
                packed = plain.read(2) == GZIP_START
            with gzip.open(path, "rb") if packed else open(path, "rb") as file:
                for line in file:
                    if line.strip():  # keep-alives are empty lines
                        yield line.rstrip(b"\r\n")
        except FileNotFoundError as exc:
            raise _gone(path) from exc
        except (EOFError, OSError, zlib.error) as exc:
            raise WrongInput(
                f"{path.name} cannot be read to its end: it is damaged, or still being written. "
                "Wait until it is sealed, or import what can be saved of it."
            ) from exc


def _gone(path: Path) -> FileGone:
    return FileGone(f"The file {path.name} is not there any more.")


def _storing(fields: Sequence[str]) -> Callable[[Tweet, bytes], Any]:
    make = stored_class(fields)._make

    def stored(tweet: Tweet, line: bytes) -> Any:
        row = row_of(tweet, tweet.created_at or NO_DATE, clock.iso)
        values: dict[str, Any] = dict(zip(CONTENT, row, strict=True))
        if tweet.created_at is None:
            values["date_published"] = None
        values["twitter_id"] = tweet.twitter_id
        for name in IDS:
            values[name] = None if values[name] is None else str(values[name])
        values["captured_by"] = "stream"
        values["item_json"] = line.decode("utf-8", "replace")
        values[FINAL_URLS] = [NOT_FOLLOWED] * len(tweet.urls)
        return make([values.get(name) for name in fields])

    return stored
