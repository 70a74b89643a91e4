"""A gap's posts are written while the filter goes on collecting: neither touches the other's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from sfm import clock as clocks
from sfm.database import db
from sfm.extensions import settings as settings_of
from sfm.models import Gap, StreamFile
from sfm.networks.page import Page, PostRecord
from sfm.streams import file_names, files, repair
from sfm.streams.errors import AnotherCollector
from sfm.streams.gap_fill import fill
from sfm.streams.gap_fill_files import FillFiles
from sfm.streams.gzip_members import member
from sfm.streams.sealing import FileFacts
from sfm.streams.sinks import FileSink
from sfm.streams.writer import FILE_LINES
from sfm.twitter.parse.tweet import parse_line
from tests.conftest import FrozenClock
from tests.streams.collecting import make_filter
from tests.streams.conftest import PREFIX, ids_in, sealed_files
from tests.streams.driver import post

NAME = f"twitterfilter-12-2026-11-22T12-00-00.000000-{file_names.FIRST_FILL_EPOCH + 1}Z.gz"
Told = list[tuple[Path, FileFacts]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def sink(folder: Path, run: Path, told: Told, clock: FrozenClock) -> FileSink:
    """A collector's files: a new one each minute."""
    return FileSink(folder, run, 60, lambda path, facts: told.append((path, facts)))


def test_a_collector_that_seals_its_file_leaves_that_of_a_fill_growing(
    folder: Path, run: Path, sink: FileSink, told: Told, clock: FrozenClock
) -> None:
    """ST18: after each interval it looks for files that were left growing."""
    sink.assign([PREFIX])
    seals: list[int] = []

    def found() -> Iterator[tuple[int, bytes]]:
        for number in range(1, 301):
            if number % 75 == 0:  # in the middle of a batch too
                sink.add(PREFIX, post(1000 + number), 1000 + number)
                for seconds in (1, 61):  # saved, and then sealed
                    clock.advance(seconds)
                    sink.tick()
                seals.append(len(told))
            yield number, post(number)

    target = FillFiles(folder, run, PREFIX)
    assert target.write(found()) == 300
    target.close()
    sink.close()
    assert seals == [1, 2, 3, 4]
    (filled,) = target.sealed
    assert filled[1].lines == 300
    assert filled[0] not in [path for path, _ in told]
    assert set(ids_in(sealed_files(folder)).values()) == {1}
    assert len(ids_in(sealed_files(folder))) == 304
    assert len(list(folder.iterdir())) == 5, "nothing torn, nothing left growing"


def left_by_a_kill(folder: Path) -> Path:
    lines = [post(number) + b"\n" for number in range(1, 11)]
    path = folder / (NAME + file_names.OPEN)
    path.write_bytes(member(lines[:8]) + member(lines[8:])[:-4])
    return path


def test_what_a_killed_fill_left_is_sealed_by_the_next(folder: Path, run: Path) -> None:
    left_by_a_kill(folder)
    assert repair.adopt(folder, PREFIX) == []
    target = FillFiles(folder, run, PREFIX)
    target.close()
    assert [(path.name, facts.lines) for path, facts in target.sealed] == [(NAME, 8)]
    assert set(ids_in(sealed_files(folder))) == set(range(1, 9))


def test_what_a_killed_fill_left_is_sealed_by_a_collector_unless_a_fill_goes_on(
    folder: Path, run: Path, sink: FileSink, told: Told
) -> None:
    target = FillFiles(folder, run, PREFIX)
    growing = left_by_a_kill(folder)
    with pytest.raises(AnotherCollector):
        FillFiles(folder, run, PREFIX)
    sink.assign([PREFIX])
    sink.close()
    assert growing.exists()
    assert told == []
    target.close()
    sink.assign([PREFIX])
    sink.close()
    assert [(path.name, facts.lines) for path, facts in told] == [(NAME, 8)]


def test_a_fills_file_found_without_a_row_is_known_as_one(app: Flask) -> None:
    """The database was away when it was sealed."""
    root = settings_of().data_folder
    root.mkdir(exist_ok=True)
    (root / NAME).write_bytes(member([post(1) + b"\n"]))
    (root / NAME.replace(str(file_names.FIRST_FILL_EPOCH + 1), "7")).write_bytes(
        member([post(2) + b"\n"])
    )
    assert files.catch_up(root) == 2
    rows = {row.first_id: row.origin for row in db.session.query(StreamFile)}
    assert rows == {1: "gap_fill", 2: "stream"}


class Search:
    """What Twitter's search finds, in pages as the client gives them."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines

    def search_recent(self, query: str, **times: object) -> Iterator[Page]:
        for start in range(0, len(self.lines), 100):
            records = [PostRecord(raw, parse_line(raw)) for raw in self.lines[start : start + 100]]
            yield Page(records=tuple(records))


def v2_post(number: int) -> bytes:
    return (
        b'{"data":{"id":"%d","text":"a ferry","author_id":"7",'
        b'"created_at":"2026-11-22T12:00:00.000Z"},'
        b'"includes":{"users":[{"id":"7","name":"Ann","username":"ann"}]}}' % number
    )


def missed(filter_id: int) -> Gap:
    now = clocks.now()
    gap = Gap(
        filter_id=filter_id, prefix=f"twitterfilter-{filter_id}", cause="network",
        began_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1), seconds=3600,
    )  # fmt: skip
    db.session.add(gap)
    db.session.commit()
    return gap


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_gap_of_more_posts_than_a_file_takes_is_marked_in_all_its_files(app: Flask) -> None:
    gap = missed(make_filter().id)
    root = settings_of().data_folder
    root.mkdir(exist_ok=True)
    client = Search([v2_post(number) for number in range(1, FILE_LINES + 51)])
    result = fill(gap.id, client, root, settings_of().instance / "run")  # type: ignore[arg-type]
    rows = db.session.query(StreamFile).order_by(StreamFile.id).all()
    assert [(row.lines, row.origin) for row in rows] == [
        (FILE_LINES, "gap_fill"), (50, "gap_fill"),
    ]  # fmt: skip
    assert result["posts"] == gap.filled_posts == FILE_LINES + 50
