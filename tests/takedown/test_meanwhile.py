"""Deletion duty while others work: exports, imports, timelines and streams that are under way."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.exports import recurring, service, storage
from sfm.exports.build import Watch, build_export
from sfm.exports.format import Layout
from sfm.exports.request import Criteria, ExportRequest, prepare
from sfm.exports.result import ExportResult
from sfm.exports.task import make_export
from sfm.exports.worker_process import build_in_process
from sfm.models import ExportFile, Heartbeat, TwitterUser, TwitterUserItem, User
from sfm.posts import bulk_sql
from sfm.posts.importer import Imported, import_files
from sfm.posts.store import save_page
from sfm.runs import queue
from sfm.streams.removed_posts import VERSION, RemovedPosts
from sfm.streams.sealing import FileFacts
from sfm.streams.sinks import FileSink
from sfm.takedown import removal
from sfm.takedown.outcome import Outcome
from tests.conftest import FrozenClock
from tests.posts.making import make_account, make_user, post, record, save
from tests.takedown.test_remove_tweet import WORD, id_of, in_database, refers

PREFIX = "streamsample"


@pytest.fixture
def owner(app: object) -> User:
    return make_account()


@pytest.fixture
def ann(app: object) -> TwitterUser:
    return make_user("ann_x", uid=101)


def take_down(number: int) -> Outcome:
    return removal.remove_posts(removal.find_posts([number]), "Asked by letter")


def ask_for_export(owner: User, **layout: Any) -> int:
    begin_write()
    export = service.create_export(owner, Criteria(), Layout(**layout), rows=3)
    number = export.id
    db.session.commit()
    return number


class TakedownOnce:
    """Removes a post at the first word of progress: the rows of the snapshot are not read yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.outcomes: list[Outcome] = []

    def __call__(self, _done: int, total: int | None) -> None:
        if total is not None and not self.outcomes:
            self.outcomes.append(take_down(self.number))


def texts_in(path: Path) -> bytes:
    """All bytes of a file, unpacked at any depth."""
    return b"".join(_unpacked(path.read_bytes()))


def _unpacked(data: bytes) -> Iterator[bytes]:
    yield data
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                yield from _unpacked(packed.read(name))
    elif data[:4] == b"PAR1":
        import pyarrow.parquet as parquet

        yield repr(parquet.read_table(io.BytesIO(data)).to_pylist()).encode()


@pytest.mark.parametrize(
    "layout",
    [
        {"packing": "zip"},
        {"packing": "bag"},
        {"packing": "none", "format": "xlsx"},
        {"packing": "zip", "format": "parquet"},
        {"packing": "none", "columns": ("text",)},
    ],
    ids=lambda layout: "-".join(map(str, layout.values())),
)
def test_an_export_that_was_begun_before_is_finished_without_the_post(
    owner: User, ann: TwitterUser, layout: dict[str, Any]
) -> None:
    gone, stays = post(text=WORD), post(text="stays here")
    save([record(gone), record(stays)], ann.id)
    number = ask_for_export(owner, **layout)
    takedown = TakedownOnce(id_of(gone))

    make_export(number, takedown, build_export)

    (outcome,) = takedown.outcomes
    name = db.session.get_one(ExportFile, number).file_name
    assert [path.name for path in outcome.later] == [f"{name}.part"]
    assert not outcome.nothing_left
    export = db.session.get_one(ExportFile, number)
    path = storage.file_of(export)
    assert (export.state, export.rows_written) == ("ready", 1)
    assert path is not None
    assert WORD.encode() not in texts_in(path)
    assert b"stays here" in texts_in(path)
    db.session.rollback()
    again = take_down(id_of(gone))
    unsearchable = layout.get("format") == "parquet" or "columns" in layout  # goes, to be sure
    assert (again.nothing_left, again.counts["exports"]) == (True, int(unsearchable))


def test_so_is_one_that_another_process_makes(owner: User, ann: TwitterUser) -> None:
    gone = post(text=WORD)
    save([record(gone), record(post(text="stays here"))], ann.id)
    number = ask_for_export(owner, packing="zip")
    takedown = TakedownOnce(id_of(gone))
    make_export(number, takedown, build_in_process)
    assert takedown.outcomes[0].counts["stored"] == 1
    path = storage.file_of(db.session.get_one(ExportFile, number))
    assert path is not None
    assert WORD.encode() not in texts_in(path)
    assert b"stays here" in texts_in(path)


def test_an_export_is_not_ready_where_the_post_went_after_its_file_was_in_place(
    owner: User, ann: TwitterUser
) -> None:
    gone = post(text=WORD)
    save([record(gone), record(post())], ann.id)
    number = ask_for_export(owner)
    files: list[bytes] = []

    def maker(order: ExportRequest, target: Path, watch: Watch) -> ExportResult:
        product = build_export(order, target, watch)
        files.append(texts_in(target))
        if len(files) == 1:
            take_down(id_of(gone))
            assert not target.exists(), "what lies there without a lock is searched"
        return product

    make_export(number, maker=maker)
    assert [WORD.encode() in data for data in files] == [True, False]
    path = storage.file_of(db.session.get_one(ExportFile, number))
    assert path is not None
    assert WORD.encode() not in texts_in(path)


def test_an_export_by_command_that_was_begun_before_is_finished_without_the_post(
    ann: TwitterUser, tmp_path: Path
) -> None:
    gone = post(text=WORD)
    save([record(gone), record(post(text="stays here"))], ann.id)
    layout = Layout(packing="none")
    order = prepare(Criteria(), layout, asked_by="the command line", reader_id=None)
    db.session.rollback()
    takedown = TakedownOnce(id_of(gone))
    product = build_export(order, tmp_path / "mine.csv", takedown)
    assert takedown.outcomes[0].counts["stored"] == 1
    assert product.facts.rows_written == 1
    assert WORD.encode() not in product.path.read_bytes()
    assert b"stays here" in product.path.read_bytes()


def test_a_recurring_export_that_was_begun_before_is_made_without_the_post(
    owner: User, ann: TwitterUser, settings: Settings
) -> None:
    gone = post(text=WORD)
    save([record(gone), record(post(text="stays here"))], ann.id)
    make_export(ask_for_export(owner, packing="zip"))
    begin_write()
    made = recurring.add_recurring(db.session.scalars(select(ExportFile)).one(), "day").id
    db.session.commit()
    takedown = TakedownOnce(id_of(gone))
    assert recurring.make_due_export(made, takedown) == 1
    assert takedown.outcomes[0].counts["stored"] == 1
    (file,) = (settings.data_folder / "exports" / "recurring").glob("*/*.zip")
    assert WORD.encode() not in texts_in(file)
    assert b"stays here" in texts_in(file)
    assert take_down(id_of(gone)).nothing_left


def test_an_import_that_goes_on_leaves_the_post_its_retweets_and_its_copies_out(
    app: Flask, ann: TwitterUser, tmp_path: Path
) -> None:
    gone = post(text=WORD)
    retweet = refers("retweeted", gone, f"RT @ann_x: {WORD}")
    quote = refers("quoted", gone, "How lovely")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(json.dumps(gone) + "\n")
    second.write_text("".join(json.dumps(one) + "\n" for one in (gone, retweet, quote, post())))
    outcomes: list[Outcome] = []

    def between(imported: Imported) -> None:
        if imported.path == first:
            outcomes.append(take_down(id_of(gone)))

    run = queue.start("import_tweets", params={})
    with queue.finish(run):
        _, found = import_files(run, [first, second], tell=between)

    assert outcomes[0].counts["stored"] == 1
    assert (found.read, found.new, found.removed) == (4, 2, 2)
    assert in_database(WORD) == []
    kept = db.session.scalars(select(TwitterUserItem.item_text)).all()
    assert sorted(kept) == ["A tweet about the harbour", "How lovely"]
    assert (
        str(id_of(gone))
        in db.session.scalars(
            select(TwitterUserItem.item_json).where(TwitterUserItem.item_text == "How lovely")
        ).one()
    ), "the quote keeps the id that it points to"


def test_what_a_timeline_brings_after_the_first_look_goes_too(ann: TwitterUser) -> None:
    gone = post(text=WORD, uid=102, name="bob_x")
    save([record(gone)], make_user("bob_x", uid=102).id)
    found = removal.find_posts([id_of(gone)])
    save([record(refers("retweeted", gone, f"RT @bob_x: {WORD}"))], ann.id)
    save([record(refers("quoted", gone, "How lovely"))], ann.id)

    outcome = removal.remove_posts(found, "Asked by letter")

    assert (outcome.nothing_left, outcome.counts["stored"]) == (True, 2)
    assert outcome.counts["copies cut out"] == 1
    assert in_database(WORD) == []
    again = save([record(refers("retweeted", gone, f"RT @bob_x: {WORD}"))], ann.id)
    assert (again.new, again.removed) == (0, 1)


@contextmanager
def in_another_thread(work: Any) -> Iterator[list[Any]]:
    """Does it in a thread with a session of its own, and waits for its end behind the `with`."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    results: list[Any] = []

    def do() -> None:
        with app.app_context():
            results.append(work())
            db.session.remove()

    thread = threading.Thread(target=do)
    thread.start()
    yield results
    thread.join(60)
    assert not thread.is_alive()


def test_a_page_that_is_saved_while_the_removal_begins_is_found_by_it(ann: TwitterUser) -> None:
    gone = post(text=WORD)
    number, account = id_of(gone), ann.id
    begin_write()
    saved = save_page([record(gone)], captured_by="timeline", run_id=None, owner=account)
    assert saved.new == 1

    def remove() -> Outcome:
        found = removal.find_posts([number])
        assert not found.anything, "nobody sees what is not committed"
        return removal.remove_posts(found, "Asked by letter")

    with in_another_thread(remove) as outcomes:
        threading.Event().wait(1.0)
        assert outcomes == [], "it waits for who saves"
        db.session.commit()
    assert outcomes[0].counts["stored"] == 1
    assert in_database(WORD) == []


def test_a_post_is_registered_as_removed_only_between_two_writers_of_posts(
    app: Flask,
) -> None:
    number = id_of(post())
    begin_write()
    bulk_sql.lock_writers(db.session.connection())

    with in_another_thread(lambda: removal.register_ids([number])) as versions:
        threading.Event().wait(1.0)
        assert versions == [], "it waits for who saves"
        db.session.rollback()
    assert versions == [1]


def test_posts_that_may_return_are_kept_again_once_nothing_is_left(ann: TwitterUser) -> None:
    gone = post(text=WORD)
    save([record(gone)], ann.id)
    found = removal.find_posts([id_of(gone)])
    assert removal.remove_posts(found, "A mistake of ours", may_return=True).nothing_left
    assert save([record(gone)], ann.id).new == 1
    take_down(id_of(gone))
    assert save([record(gone)], ann.id).removed == 1


def collector(
    settings: Settings, sealed: list[tuple[Path, FileFacts]] | None = None
) -> tuple[FileSink, RemovedPosts]:
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    removed = RemovedPosts()
    removed.refresh()
    told = [] if sealed is None else sealed
    run_folder = settings.instance / "run"
    sink = FileSink(
        settings.data_folder,
        run_folder,
        900,
        lambda path, facts: told.append((path, facts)),
        removed,
    )
    sink.assign([PREFIX])
    return sink, removed


def add(sink: FileSink, *posts: dict[str, Any]) -> list[bool]:
    return [sink.add(PREFIX, json.dumps(one).encode(), id_of(one)) for one in posts]


def test_a_stream_seals_at_once_without_the_post_and_takes_it_no_more(
    app: Flask, settings: Settings, clock: FrozenClock
) -> None:
    sealed: list[tuple[Path, FileFacts]] = []
    sink, removed = collector(settings, sealed)
    gone, other = post(text=WORD), post(text="stays here")
    quote = refers("quoted", gone, "How lovely")
    add(sink, gone, other, quote)
    clock.advance(1)
    sink.tick()
    (growing,) = settings.data_folder.glob("*.open")

    outcome = take_down(id_of(gone))
    assert [path.name for path in outcome.later] == [growing.name]

    add(sink, post(text="in hand"))
    removed.refresh()
    again = add(sink, gone, refers("retweeted", gone, f"RT {WORD}"), refers("quoted", gone, "Oh"))
    assert again == [False, False, True]
    sink.tick()
    clock.advance(1)
    sink.tick()  # the batch that was in hand when the register changed
    sink.tick()
    sink.close()

    lines = [
        json.loads(line)
        for path, _facts in sealed
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert [one["data"]["text"] for one in lines] == ["stays here", "How lovely", "in hand", "Oh"]
    assert WORD not in json.dumps(lines)
    assert [facts.lines for _path, facts in sealed] == [2, 2]
    assert sink.duplicates == 0
    assert take_down(id_of(gone)).nothing_left


def test_a_file_that_a_killed_collector_left_is_adopted_without_the_post(
    app: Flask, settings: Settings, clock: FrozenClock
) -> None:
    sink, _removed = collector(settings)
    gone, other = post(text=WORD), post(text="stays here")
    add(sink, gone, other)
    clock.advance(1)
    sink.tick()
    sink._locks.pop(PREFIX).release()  # as the system does when its process is killed
    assert not take_down(id_of(gone)).nothing_left
    collector(settings)
    (path,) = settings.data_folder.glob("*.gz")
    assert gzip.decompress(path.read_bytes()) == json.dumps(other).encode() + b"\n"


def test_growing_files_of_a_deleted_filter_are_sealed_by_the_removal(
    app: Flask, settings: Settings, clock: FrozenClock
) -> None:
    sink, _removed = collector(settings)
    gone, other = post(text=WORD), post(text="stays here")
    sink.assign(["twitterfilter-7"])
    for one in (gone, other):
        sink.add("twitterfilter-7", json.dumps(one).encode(), id_of(one))
    clock.advance(1)
    sink.tick()
    assert [path.name for path in take_down(id_of(gone)).later] == sink.files(), "it is held"
    sink._locks.pop("twitterfilter-7").release()
    assert take_down(id_of(gone)).nothing_left
    (path,) = settings.data_folder.glob("*.gz")
    assert gzip.decompress(path.read_bytes()) == json.dumps(other).encode() + b"\n"


def test_a_collector_that_does_not_know_of_it_is_named(
    app: Flask, ann: TwitterUser, clock: FrozenClock
) -> None:
    gone = post(text=WORD)
    save([record(gone)], ann.id)
    beat = Heartbeat(
        program=PREFIX, filter_ids=[], host="here", pid=1, started_at=clock.now(),
        beat_at=clock.now(), state="connected", since=clock.now(), figures={},
    )  # fmt: skip
    db.session.add(beat)
    db.session.commit()
    outcome = take_down(id_of(gone))
    assert (outcome.collectors, outcome.nothing_left) == ((PREFIX,), False)
    assert in_database(WORD) == []
    beat = db.session.scalars(select(Heartbeat)).one()
    removed = RemovedPosts()
    removed.refresh()
    beat = db.session.scalars(select(Heartbeat)).one()
    beat.beat_at, beat.figures = clock.now(), {VERSION: removed.version}
    db.session.commit()
    assert take_down(id_of(gone)).nothing_left
