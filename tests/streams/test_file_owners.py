"""Whose a stream file is stands in its row: no number in its name gives it to another."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from sfm.database import begin_write, db
from sfm.extensions import settings as app_settings
from sfm.filters import service
from sfm.models import Heartbeat, StreamFile, TwitterFilter, User
from sfm.streams import file_names, files
from sfm.streams.deleted_filter_files import seal_files_of_deleted_filters
from sfm.streams.gzip_members import member
from sfm.streams.lock import StreamLock
from sfm.streams.manifest import record_file
from sfm.streams.sealing import FileFacts
from sfm.streams.sinks import FileSink
from sfm.streams.writer import StreamWriter
from tests.conftest import FrozenClock
from tests.factories import make_user
from tests.streams.collecting import saved_spans
from tests.streams.recorded import RecordedCollector

LoginAs = Callable[[User], FlaskClient]
POST = 1_859_000_000_000_000_001


@pytest.fixture
def root(app: Flask) -> Path:
    return app_settings().data_folder


@pytest.fixture
def run_folder(app: Flask) -> Path:
    return app_settings().instance / "run"


def make_filter(owner: User, name: str, number: int | None = None) -> TwitterFilter:
    """A filter; with a number, as SQLite once gave a deleted filter's to the next."""
    row = TwitterFilter(id=number, name=name, user_id=owner.id, words="flood", is_active=False)
    db.session.add(row)
    db.session.commit()
    return row


def delete(row: TwitterFilter) -> None:
    begin_write()
    service.delete(db.session.get_one(TwitterFilter, row.id))
    db.session.commit()


def lines(*ids: int) -> list[bytes]:
    post = {"text": "of reader1", "author_id": "5", "created_at": "2026-11-20T10:00:00.000Z"}
    return [json.dumps({"data": {"id": str(number), **post}}).encode() for number in ids]


def make_file(root: Path, filter_id: int) -> StreamFile:
    sealed: list[object] = []
    prefix = file_names.filter_prefix(filter_id)
    writer = StreamWriter(root, prefix, 1, 900, lambda *facts: sealed.append(facts))
    for number, line in enumerate(lines(POST, POST + 1)):
        writer.add(line, POST + number)
    writer.close()
    ((path, facts),) = sealed  # type: ignore[misc]
    begin_write()
    row = record_file(root, path, facts)
    db.session.commit()
    assert row is not None
    return row


def leave_growing(root: Path, filter_id: int, clock: FrozenClock) -> Path:
    """What a collector that was killed leaves behind."""
    path = root / (
        file_names.file_name(file_names.filter_prefix(filter_id), clock.now(), 1) + file_names.OPEN
    )
    path.write_bytes(member([line + b"\n" for line in lines(POST)]))
    return path


def owner_of(path: str) -> int | None:
    db.session.rollback()
    return db.session.query(StreamFile.filter_id).filter_by(path=path).one()[0]


def test_a_takedown_gives_a_deleted_filters_file_to_nobody(
    clock: FrozenClock, client: FlaskClient, login_as: LoginAs, reader: User, root: Path,
    runner: FlaskCliRunner,
) -> None:  # fmt: skip
    """X-1 (1): the file was rewritten, and so became the new filter's by its name."""
    deleted = make_filter(make_user("reader1"), "first")
    row = make_file(root, deleted.id)
    number, path, before = row.id, row.path, row.sha256
    delete(deleted)
    clock.advance(60)
    make_filter(reader, "second", deleted.id)
    removed = runner.invoke(args=["remove_tweet", str(POST), "--reason", "asked", "--yes"])
    assert removed.exit_code == 0, removed.output
    db.session.rollback()
    assert db.session.get_one(StreamFile, number).sha256 != before, "it was rewritten"
    assert owner_of(path) is None
    assert login_as(reader).get(f"/files/{number}/download").status_code == 404


def test_a_file_left_growing_is_not_the_next_filters(
    clock: FrozenClock, client: FlaskClient, login_as: LoginAs, reader: User, root: Path,
    run_folder: Path,
) -> None:  # fmt: skip
    """X-1 (2): a filter with the number of a deleted one sealed that one's file as its own."""
    deleted = make_filter(make_user("admin"), "admin secret")
    growing = leave_growing(root, deleted.id, clock)
    delete(deleted)
    clock.advance(60)
    second = make_filter(reader, "second", deleted.id)
    sealed: list[StreamFile | None] = []
    sink = FileSink(
        root, run_folder, 900, lambda path, facts: sealed.append(record_file(root, path, facts))
    )
    sink.assign([file_names.filter_prefix(second.id)])
    sink.close()
    db.session.commit()
    assert [row and row.filter_id for row in sealed] == [None]
    assert not growing.exists()
    listed = login_as(reader).get(f"/files/?stream=twitterfilter-{second.id}")
    assert growing.name.removesuffix(file_names.OPEN) not in listed.text


def test_files_left_growing_by_a_deleted_filter_are_sealed_for_superusers_only(
    clock: FrozenClock, root: Path, run_folder: Path, reader: User
) -> None:
    deleted, present = make_filter(reader, "gone"), make_filter(reader, "present")
    mine = leave_growing(root, present.id, clock)
    growing = leave_growing(root, deleted.id, clock)
    delete(deleted)
    held = StreamLock(run_folder, file_names.filter_prefix(deleted.id))
    assert seal_files_of_deleted_filters(root, run_folder) == 0
    assert growing.exists(), "its process still lives"
    held.release()
    assert seal_files_of_deleted_filters(root, run_folder) == 1
    assert owner_of(growing.name.removesuffix(file_names.OPEN)) is None
    assert mine.exists()
    assert seal_files_of_deleted_filters(root, run_folder) == 0


def test_a_file_found_without_a_row_is_a_later_filters_only_by_its_time(
    clock: FrozenClock, root: Path, reader: User
) -> None:
    row = make_filter(reader, "second")
    earlier = row.created_at - timedelta(seconds=1)
    paths = [
        file_names.file_name(file_names.filter_prefix(row.id), moment, 1)
        for moment in (earlier, row.created_at)
    ]
    for path in paths:
        (root / path).write_bytes(member([line + b"\n" for line in lines(POST)]))
    assert files.catch_up(root) == 2
    assert [owner_of(path) for path in paths] == [None, row.id]


def test_a_row_that_is_refused_keeps_back_no_other(app: Flask, clock: FrozenClock) -> None:
    """ST28: heartbeat, ledger and the other files are written; the collector goes on."""
    collector = RecordedCollector(1)
    names = [file_names.file_name(collector.prefixes[0], clock.now(), epoch) for epoch in (1, 2)]
    refused = FileFacts(1, 1, 100, sha256=None)  # type: ignore[arg-type]
    collector.manifest.sealed(Path("/nowhere") / names[0], refused)
    collector.manifest.sealed(Path("/nowhere") / names[1], FileFacts(1, 1, 100, "0" * 64))
    collector.connect()  # asserts that all was taken
    assert [row.path for row in db.session.query(StreamFile)] == [names[1]]
    assert db.session.get_one(Heartbeat, "twitterfilter-1").state == "connected"
    (span,) = saved_spans()
    clock.advance(5)
    collector.status.alive()
    collector.say("connected")
    assert [row.id for row in saved_spans()] == [span.id], "the span goes on in its own row"
    assert (saved_spans()[0].saved_until - span.began_at).total_seconds() == 5
