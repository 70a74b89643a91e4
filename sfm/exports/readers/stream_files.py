"""Posts out of stream files, merged without doubles, in the order of the files."""

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
from sfm.adapters import NETWORK
from sfm.errors import WrongInput
from sfm.exports.errors import FileGone
from sfm.exports.readers.database import (
    FINAL_URLS,
    IDS,
    NOT_FOLLOWED,
    NOT_IN_SAMPLE,
    NOT_MATCHING,
    sample_positions,
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

BATCH = 500
GZIP_START = b"\x1f\x8b"
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)  # never shown

PostAndLine = tuple[Post, bytes]

DUPLICATE = Message("met before in these files")
NOT_A_POST = Message("not a post (a notice of the stream, or a damaged line)")


class StreamPosts:
    """The posts of files: each once, the first time it is met.

    For a sample the files are read twice: how many posts there are is not known before.
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
        """The posts as if they were stored, some hundreds at a time; none while it counts."""
        if self._criteria.sample is None:
            for batch in self._read(self.tally):
                yield [self._stored(*post) for post in batch]
            return
        count = 0
        for batch in self._read(Tally()):
            count += len(batch)
            yield []
        drawn = set(sample_positions(count, self._criteria))
        self.total = len(drawn)
        place = 0
        for batch in self._read(self.tally):
            kept = [post for at, post in enumerate(batch, place) if at in drawn]
            place += len(batch)
            self.tally.leave_out(NOT_IN_SAMPLE, len(batch) - len(kept))
            yield [self._stored(*post) for post in kept]

    def _read(self, tally: Tally) -> Iterator[list[PostAndLine]]:
        with SeenIds() as seen:
            for path in self._paths:
                lines = self._lines(path)
                while batch := list(islice(lines, BATCH)):
                    yield self._new_and_matching(batch, seen, tally)

    def _new_and_matching(
        self, lines: list[bytes], seen: SeenIds, tally: Tally
    ) -> list[PostAndLine]:
        tally.read += len(lines)
        met: list[PostAndLine] = []
        for line in lines:
            try:
                met.append((NETWORK.parse_line(line), line))
            except Unreadable:
                tally.leave_out(NOT_A_POST)
        matching = []
        new = seen.new_among([post.twitter_id for post, _line in met])
        for post_and_line, is_new in zip(met, new, strict=True):
            if not is_new:
                tally.leave_out(DUPLICATE)
            elif not self._matches(post_and_line[0]):
                tally.leave_out(NOT_MATCHING)
            else:
                matching.append(post_and_line)
        return matching

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

    def stored(post: Post, line: bytes) -> Any:
        row = row_of(post, post.created_at or NO_DATE, clock.iso)
        values: dict[str, Any] = dict(zip(CONTENT, row, strict=True))
        if post.created_at is None:
            values["date_published"] = None
        values["twitter_id"] = post.twitter_id
        for name in IDS:
            values[name] = None if values[name] is None else str(values[name])
        values["captured_by"] = "stream"
        values["item_json"] = line.decode("utf-8", "replace")
        values[FINAL_URLS] = [NOT_FOLLOWED] * len(post.urls)
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
        is_new = []
        for twitter_id in ids:
            is_new.append(twitter_id not in known)
            known.add(twitter_id)
        self._database.execute(
            "INSERT OR IGNORE INTO seen SELECT value FROM json_each(?)", (listed,)
        )
        return is_new


NOBODY = 0  # stands for the number of an account that is not ours


def matcher(connection: Connection, selection: Selection) -> Callable[[Post], bool]:
    """A test of one post. Accounts that the selection names are looked up now."""
    uids = _uids(connection, selection)
    ids = frozenset(selection.ids)
    first, behind = selection.moments
    by, not_by = selection.query.by, selection.query.not_by

    def matches(post: Post) -> bool:
        at, name = post.created_at, (post.screen_name or "").lower()
        return not (
            (first is not None and (at is None or at < first))
            or (behind is not None and (at is None or at >= behind))
            or (uids is not None and post.author_uid not in uids and not (by and name in by))
            or (name in not_by)
            or (ids and post.twitter_id not in ids)
            or not _is_of_kind(post, selection)
            or not _matches_text(post, selection)
        )

    return matches


def _uids(connection: Connection, selection: Selection) -> frozenset[int] | None:
    accounts = scope_of(connection, selection).accounts
    if accounts is None:
        return None
    uids: set[int] = set()
    for start in range(0, len(accounts), 500):
        part = accounts[start : start + 500]
        rows = connection.scalars(select(TwitterUser.uid).where(TwitterUser.id.in_(part)))
        uids.update(uid for uid in rows if uid is not None)
    return frozenset(uids)


def _is_of_kind(post: Post, selection: Selection) -> bool:
    is_retweet = post.kind == "retweet"
    return not (
        (selection.kinds and post.kind not in selection.kinds)
        or (selection.retweets == "no" and is_retweet)
        or (selection.retweets == "only" and not is_retweet)
        or (selection.lang and (post.lang or "").lower() != selection.lang.lower())
        or (selection.has_link is not None and bool(post.urls) != selection.has_link)
        or (selection.has_media is not None and post.has_media != selection.has_media)
    )


def _matches_text(post: Post, selection: Selection) -> bool:
    node = selection.query.node
    if node is None:
        return True
    words = words_of(post.text, post.hashtags, post.mentions, NOBODY, post.lang or "")
    return matches_words(node, [*words.body.split(), "", *words.marks.split()])


def matches_words(node: Node, words: Sequence[str]) -> bool:
    """Whether a search's meaning is met by these words, in their order."""
    if isinstance(node, SearchTerm):
        return _matches_term(node, words)
    if isinstance(node, OneOf):
        return any(matches_words(part, words) for part in node.parts)
    assert isinstance(node, AllOf)  # noqa: S101  (the last kind there is)
    return all(matches_words(part, words) for part in node.parts) and not any(
        matches_words(part, words) for part in node.without
    )


def _matches_term(term: SearchTerm, words: Sequence[str]) -> bool:
    *firsts, last = term.words
    for place in range(len(words) - len(firsts)):
        end = words[place + len(firsts)]
        fits = end.startswith(last) if term.beginning else end == last
        if fits and list(words[place : place + len(firsts)]) == firsts:
            return True
    return False
