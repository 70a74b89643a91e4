"""Tweets out of stream files, merged without doubles, in the order of the files."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.errors import WrongInput
from sfm.exports.errors import FileGone
from sfm.exports.readers.database import (
    FINAL_URLS,
    IDS,
    NOT_AS_ASKED,
    NOT_DRAWN,
    NOT_FOLLOWED,
    places_drawn,
    stored_class,
)
from sfm.exports.request import Criteria
from sfm.exports.result import Tally
from sfm.messages import Message
from sfm.models import TwitterUser
from sfm.networks.record import Post, Unreadable
from sfm.posts.columns import CONTENT, row_of
from sfm.posts.search_query import AllOf, Node, OneOf, SearchTerm
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection
from sfm.posts.tokenizer import words_of
from sfm.twitter.parse.tweet import parse_line

BATCH = 500
GZIP_START = b"\x1f\x8b"
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)  # never shown

Met = tuple[Post, bytes]

MET_BEFORE = Message("met before in these files")
NO_TWEET = Message("not a tweet (a notice of the stream, or a damaged line)")


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
                Message(
                    "%(name)s cannot be read to its end: it is damaged, or still being written. "
                    "Wait until it is sealed, or import what can be saved of it.",
                    name=path.name,
                )
            ) from exc


def _gone(path: Path) -> FileGone:
    return FileGone(Message("The file %(name)s is not there any more.", name=path.name))


def _storing(fields: Sequence[str]) -> Callable[[Post, bytes], Any]:
    make = stored_class(fields)._make

    def stored(tweet: Post, line: bytes) -> Any:
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


class SeenIds:
    """Remembers ids. The file has no name and goes with the process."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for order in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
            self._database.execute(f"PRAGMA {order}")
        self._database.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY)")

    def __enter__(self) -> SeenIds:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _exc: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self._database.close()

    def new_among(self, ids: Sequence[int]) -> list[bool]:
        """For each id whether it is met for the first time, also within these."""
        listed = json.dumps(list(ids))
        known = {
            row[0]
            for row in self._database.execute(
                "SELECT id FROM seen WHERE id IN (SELECT value FROM json_each(?))", (listed,)
            )
        }
        found = []
        for one in ids:
            found.append(one not in known)
            known.add(one)
        self._database.execute(
            "INSERT OR IGNORE INTO seen SELECT value FROM json_each(?)", (listed,)
        )
        return found


NOBODY = 0  # stands for the number of an account that is not ours


def matcher(connection: Connection, selection: Selection) -> Callable[[Post], bool]:
    """A test of one tweet. Accounts that the selection names are looked up now."""
    uids = _uids(connection, selection)
    ids = frozenset(selection.ids)
    first, behind = selection.moments
    by, not_by = selection.query.by, selection.query.not_by

    def matches(tweet: Post) -> bool:
        at, name = tweet.created_at, (tweet.screen_name or "").lower()
        return not (
            (first is not None and (at is None or at < first))
            or (behind is not None and (at is None or at >= behind))
            or (uids is not None and tweet.author_uid not in uids and not (by and name in by))
            or (name in not_by)
            or (ids and tweet.twitter_id not in ids)
            or not _is_of_kind(tweet, selection)
            or not _holds_text(tweet, selection)
        )

    return matches


def _uids(connection: Connection, selection: Selection) -> frozenset[int] | None:
    accounts = scope_of(connection, selection).accounts
    if accounts is None:
        return None
    found: set[int] = set()
    for start in range(0, len(accounts), 500):
        part = accounts[start : start + 500]
        rows = connection.scalars(select(TwitterUser.uid).where(TwitterUser.id.in_(part)))
        found.update(uid for uid in rows if uid is not None)
    return frozenset(found)


def _is_of_kind(tweet: Post, selection: Selection) -> bool:
    is_retweet = tweet.kind == "retweet"
    return not (
        (selection.kinds and tweet.kind not in selection.kinds)
        or (selection.retweets == "no" and is_retweet)
        or (selection.retweets == "only" and not is_retweet)
        or (selection.lang and (tweet.lang or "").lower() != selection.lang.lower())
        or (selection.has_link is not None and bool(tweet.urls) != selection.has_link)
        or (selection.has_media is not None and bool(tweet.media) != selection.has_media)
    )


def _holds_text(tweet: Post, selection: Selection) -> bool:
    node = selection.query.node
    if node is None:
        return True
    words = words_of(tweet.text, tweet.hashtags, tweet.mentions, NOBODY, tweet.lang or "")
    return holds(node, [*words.body.split(), "", *words.marks.split()])


def holds(node: Node, words: Sequence[str]) -> bool:
    """Whether a search's meaning is met by these words, in their order."""
    if isinstance(node, SearchTerm):
        return _holds_term(node, words)
    if isinstance(node, OneOf):
        return any(holds(part, words) for part in node.parts)
    assert isinstance(node, AllOf)  # noqa: S101  (the last kind there is)
    return all(holds(part, words) for part in node.parts) and not any(
        holds(part, words) for part in node.without
    )


def _holds_term(term: SearchTerm, words: Sequence[str]) -> bool:
    *firsts, last = term.words
    for place in range(len(words) - len(firsts)):
        end = words[place + len(firsts)]
        fits = end.startswith(last) if term.beginning else end == last
        if fits and list(words[place : place + len(firsts)]) == firsts:
            return True
    return False
