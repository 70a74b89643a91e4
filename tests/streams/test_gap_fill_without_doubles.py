"""What search finds and a stream's files hold already is not written again, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from sfm import clock as clocks
from sfm.database import db
from sfm.extensions import settings as settings_of
from sfm.models import Gap, StreamFile
from sfm.networks.page import Page, PostRecord
from sfm.streams import file_names, files
from sfm.streams.archive import organize
from sfm.streams.gap_fill import fill
from sfm.streams.gzip_members import member
from sfm.streams.sinks import FileSink
from sfm.takedown import removal
from sfm.twitter.parse.tweet import parse_line
from tests.conftest import FrozenClock
from tests.streams.collecting import make_filter
from tests.streams.conftest import ids_in, sealed_files

PREFIX = "twitterfilter-1"
DURING = range(1, 11)  # what was missed; 101… came before the gap, 201… after it


def number_at(moment: datetime, sequence: int) -> int:
    """An id of this moment."""
    return (int(moment.timestamp() * 1000) - clocks.SNOWFLAKE_EPOCH_MS << 22) + sequence


@pytest.fixture
def gap(app: Flask, clock: FrozenClock) -> Gap:
    """A disconnect of a minute, five minutes ago."""
    made = make_filter()
    now = clocks.now()
    gap = Gap(
        filter_id=made.id, prefix=PREFIX, cause="network", seconds=60,
        began_at=now - timedelta(minutes=6), ended_at=now - timedelta(minutes=5),
    )  # fmt: skip
    db.session.add(gap)
    db.session.commit()
    return gap


@pytest.fixture
def data(app: Flask) -> Path:
    settings_of().data_folder.mkdir(exist_ok=True)
    return settings_of().data_folder


def line(number: int) -> bytes:
    return (
        b'{"data":{"id":"%d","text":"a ferry","author_id":"7",'
        b'"created_at":"2026-11-22T12:00:00.000Z"},'
        b'"includes":{"users":[{"id":"7","name":"Ann","username":"ann"}]}}' % number
    )


class Twitter:
    """A stream and a search that have the same posts: each within the edges of the gap."""

    def __init__(self, gap: Gap) -> None:
        assert gap.ended_at is not None
        just_before, just_after = gap.began_at - timedelta(seconds=2), gap.ended_at
        self.missed = [number_at(gap.began_at + timedelta(seconds=s), s) for s in DURING]
        self.streamed = [number_at(just_before, n) for n in range(101, 104)]
        self.streamed += [number_at(just_after, n) for n in range(201, 204)]
        self.while_it_searches: Callable[[], object] = lambda: None

    def search_recent(self, query: str, **times: object) -> Iterator[Page]:
        for number in self.missed + self.streamed:
            yield Page(records=(PostRecord(line(number), parse_line(line(number))),))
        self.while_it_searches()


def collected(data: Path, twitter: Twitter, clock: FrozenClock) -> FileSink:
    """A collector's files, with all that was streamed on the disk, in a file that still grows."""
    sink = FileSink(data, settings_of().instance / "run", 60, lambda path, facts: None)
    sink.assign([PREFIX])
    for number in twitter.streamed:
        sink.add(PREFIX, line(number), number)
    clock.advance(1)
    sink.tick()
    assert sink.in_hand == 0
    assert len(list(data.glob("*.open"))) == 1
    return sink


def still_growing(data: Path, sink: FileSink, twitter: Twitter) -> None:
    """As it is right after a disconnect."""


def sealed_while_it_searches(data: Path, sink: FileSink, twitter: Twitter) -> None:
    twitter.while_it_searches = sink.close


def sealed_and_in_no_manifest(data: Path, sink: FileSink, twitter: Twitter) -> None:
    sink.close()


def in_the_manifest(data: Path, sink: FileSink, twitter: Twitter) -> None:
    sink.close()
    assert files.catch_up(data) == 1


def tidied_away_while_it_searches(data: Path, sink: FileSink, twitter: Twitter) -> None:
    in_the_manifest(data, sink, twitter)
    twitter.while_it_searches = lambda: list(organize(data, data, -3600))


PLACES = [
    still_growing, sealed_while_it_searches, sealed_and_in_no_manifest, in_the_manifest,
    tidied_away_while_it_searches,
]  # fmt: skip


@pytest.mark.parametrize("where", PLACES, ids=[where.__name__ for where in PLACES])
def test_posts_at_the_edges_of_a_gap_are_not_written_again(
    gap: Gap, data: Path, clock: FrozenClock, where: Callable[..., None]
) -> None:
    """ST18: search is asked for ten seconds more on both sides."""
    twitter = Twitter(gap)
    sink = collected(data, twitter, clock)
    where(data, sink, twitter)
    result = fill(gap.id, twitter, data, settings_of().instance / "run")  # type: ignore[arg-type]
    sink.close()
    assert ids_in(sealed_files(data)) == dict.fromkeys(twitter.missed + twitter.streamed, 1)
    assert result == {"posts": 10, "already_held": 6}
    assert gap.filled_posts == 10
    (row,) = db.session.query(StreamFile).filter_by(origin="gap_fill")
    assert row.lines == 10


def test_a_batch_that_is_not_whole_is_not_held(gap: Gap, data: Path) -> None:
    twitter = Twitter(gap)
    lines = [line(number) + b"\n" for number in twitter.streamed]
    name = file_names.file_name(PREFIX, clocks.now(), 1)
    (data / (name + file_names.OPEN)).write_bytes(member(lines[:4]) + member(lines[4:])[:-9])
    fill(gap.id, twitter, data, settings_of().instance / "run")  # type: ignore[arg-type]
    assert set(ids_in(sealed_files(data))) == {*twitter.missed, *twitter.streamed[4:]}


def test_a_fill_that_was_killed_goes_on_and_counts_what_it_had(gap: Gap, data: Path) -> None:
    twitter = Twitter(gap)
    lines = [line(number) + b"\n" for number in twitter.missed]
    name = file_names.file_name(PREFIX, clocks.now(), file_names.FIRST_FILL_EPOCH + 1)
    (data / (name + file_names.OPEN)).write_bytes(member(lines[:7]) + member(lines[7:])[:-9])
    fill(gap.id, twitter, data, settings_of().instance / "run")  # type: ignore[arg-type]
    assert ids_in(sealed_files(data)) == dict.fromkeys(twitter.missed + twitter.streamed, 1)
    rows = db.session.query(StreamFile).order_by(StreamFile.id)
    assert [(row.lines, row.origin) for row in rows] == [(7, "gap_fill"), (9, "gap_fill")]
    assert gap.filled_posts == 16


def test_a_post_that_is_removed_while_a_gap_is_filled_is_not_in_its_files(
    gap: Gap, data: Path
) -> None:
    twitter = Twitter(gap)
    before, during = twitter.missed[:2]
    removal.register_ids([before])
    twitter.while_it_searches = lambda: removal.register_ids([during])
    result = fill(gap.id, twitter, data, settings_of().instance / "run")  # type: ignore[arg-type]
    assert set(ids_in(sealed_files(data))) == {*twitter.missed[2:], *twitter.streamed}
    assert result["posts"] == 14
