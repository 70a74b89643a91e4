"""Deletion duty: a post goes from every store, and nothing else does."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import select, text

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.exports import recurring, service, storage
from sfm.exports.format import Layout
from sfm.exports.request import Criteria
from sfm.exports.task import make_export
from sfm.models import AuditEntry, Base, ExportFile, StreamFile, TwitterUser, TwitterUserItem, User
from sfm.posts.count_check import verify_counts
from sfm.posts.selection import Selection
from sfm.streams.file_names import file_name
from sfm.streams.files import verify
from sfm.streams.manifest import record_file
from sfm.streams.quarantine import Quarantine
from sfm.streams.sealing import read_facts
from sfm.streams.writer import StreamWriter
from sfm.takedown import stream_files
from tests.conftest import FrozenClock
from tests.posts.making import (
    NOON,
    make_account,
    make_tweet,
    make_user,
    post,
    record,
    save,
)

WORD = "zanzibarquokka"
PREFIX = "streamsample"


@pytest.fixture
def owner(app: object) -> User:
    return make_account()


@pytest.fixture
def collected(app: object) -> TwitterUser:
    return make_user("ann_x", uid=101)


def refers(kind: str, original: dict[str, Any], words: str, **fields: Any) -> dict[str, Any]:
    """A v2 post that retweets, quotes or answers another, which came along."""
    came_along = {"tweets": [original["data"]]}
    ties = [{"type": kind, "id": original["data"]["id"]}]
    return post(text=words, includes=came_along, referenced_tweets=ties, **fields)


def id_of(made: dict[str, Any]) -> int:
    return int(made["data"]["id"])


def lines(*posts: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in posts]


def sealed_file(folder: Path, given: list[bytes], posts: list[int]) -> Path:
    """A stream file written as collectors do it, and in the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    writer = StreamWriter(folder, PREFIX, 1, 60, on_sealed=lambda path, _facts: found.append(path))
    for line, number in zip(given, posts, strict=True):
        writer.add(line, number)
    writer.close()
    begin_write()
    record_file(folder, found[0], read_facts(found[0]))
    db.session.commit()
    return found[0]


def finished_export(owner: User, uid: int, **layout: Any) -> Path:
    criteria = Criteria(Selection(accounts=(uid,)))
    begin_write()
    export = service.create_export(owner, criteria, Layout(**layout), rows=3)
    number = export.id
    db.session.commit()
    make_export(number)
    path = storage.file_of(db.session.get_one(ExportFile, number))
    assert path is not None
    db.session.rollback()
    return path


def in_database(needle: str) -> list[str]:
    """The tables, but the audit log and the register, with a row that has this anywhere."""
    names = [name for name in Base.metadata.tables if name not in ("audit_entry", "removed_post")]
    if db.engine.dialect.name == "postgresql":
        names.append("tweet_search")
    found = []
    for name in names:
        rows = db.session.execute(text(f"SELECT * FROM {name}")).all()
        found += [name for row in rows if needle in repr(tuple(row))]
    db.session.rollback()
    return found


def in_database_files(settings: Settings, needle: str) -> list[str]:
    """SQLite's own files, as bytes: what is deleted must not only be hidden."""
    files = sorted(settings.instance.glob("sfm.sqlite3*"))
    return [path.name for path in files if needle.encode() in path.read_bytes()]


def in_files(settings: Settings, needle: str) -> list[str]:
    """All files of streams and exports, unpacked where they are packed."""
    found = []
    for path in sorted(settings.data_folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            found += [path.name] if needle.encode() in plain else []
    return found


def run(runner: FlaskCliRunner, *words: object, yes: bool = True) -> Result:
    given = ["remove_tweet", *map(str, words), "--reason", "Asked by letter"]
    done = runner.invoke(args=[*given, "--yes"] if yes else given)
    db.session.rollback()
    return done


def test_a_removed_post_is_in_no_store_any_more(
    runner: FlaskCliRunner, settings: Settings, owner: User, collected: TwitterUser
) -> None:
    gone = post(text=f"Seen: {WORD} by the harbour")
    retweet = refers("retweeted", gone, f"RT @ann_x: Seen: {WORD}…", uid=102, name="bob_x")
    others = [post(text=f"Number {number}") for number in range(30)]
    other_user = make_user("bob_x", uid=102)
    save([record(one) for one in (gone, *others[:3])], collected.id)
    save([record(retweet)], other_user.id)
    make_tweet(make_user("eve_x", uid=103), "Somebody else's")
    mixed = [others[0], gone, *others[1:10], retweet, *others[10:]]
    path = sealed_file(settings.data_folder, lines(*mixed), [id_of(one) for one in mixed])
    export = finished_export(owner, collected.id, packing="gzip")
    needles = (str(id_of(gone)), str(id_of(retweet)), WORD)
    for needle in needles:  # it is there to begin with, so that its absence means something
        assert "twitter_user_item" in in_database(needle)
        assert {path.name, export.name} & set(in_files(settings, needle))
    if db.engine.dialect.name == "sqlite":
        assert in_database_files(settings, WORD)

    done = run(runner, id_of(gone))

    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 stored posts" in done.stdout
    assert "2 lines in 1 stream file\n" in done.stdout
    for needle in needles:
        assert in_database(needle) == []
        assert in_files(settings, needle) == []
        assert in_database_files(settings, needle) == [] or needle == needles[0]
    assert gzip.decompress(path.read_bytes()) == b"".join(line + b"\n" for line in lines(*others))
    row = db.session.scalars(select(StreamFile)).one()
    assert row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (row.lines, row.size_bytes) == (30, path.stat().st_size)
    assert verify(settings.data_folder, row) == ""
    db.session.commit()
    begin_write()
    assert verify_counts() == []
    db.session.rollback()
    assert db.session.scalar(select(ExportFile.id)) is None


def test_the_audit_log_says_who_why_and_how_much_but_no_word_of_it(
    runner: FlaskCliRunner, collected: TwitterUser
) -> None:
    number = make_tweet(collected, f"The {WORD} again")
    assert run(runner, number).exit_code == 0
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.subject_id) == ("tweet.removed", str(number))
    assert "(command line)" in entry.actor
    assert (entry.after["reason"], entry.after["stored"]) == ("Asked by letter", 1)
    assert WORD not in repr(vars(entry))


def test_a_second_time_there_is_nothing_and_nothing_is_done(
    runner: FlaskCliRunner, collected: TwitterUser
) -> None:
    number = make_tweet(collected)
    assert run(runner, number).exit_code == 0
    again = run(runner, number)
    assert again.exit_code == 0
    assert "there is nothing to delete" in again.stdout
    assert len(db.session.scalars(select(AuditEntry)).all()) == 1


def test_quotes_and_answers_stay_without_the_copy_they_carried(
    runner: FlaskCliRunner, settings: Settings, collected: TwitterUser
) -> None:
    gone = post(text=f"Seen: {WORD}", uid=102, name="bob_x")
    gone["data"]["attachments"] = {"media_keys": ["3_1"]}
    quote = refers("quoted", gone, "How lovely")
    quote["includes"]["media"] = [{"media_key": "3_1", "type": "photo", "alt_text": WORD}]
    answer = refers("replied_to", gone, "Where was that?")
    save([record(quote), record(answer)], collected.id)
    path = sealed_file(settings.data_folder, lines(quote, answer), [id_of(quote), id_of(answer)])
    assert "twitter_user_item" in in_database(WORD)

    done = run(runner, id_of(gone))

    assert done.exit_code == 0, done.output
    assert "2 stored posts holding a copy in a quote" in done.stdout
    assert in_database(WORD) == in_database_files(settings, WORD) == in_files(settings, WORD) == []
    kept = db.session.scalars(select(TwitterUserItem).order_by(TwitterUserItem.twitter_id)).all()
    assert [one.item_text for one in kept] == ["How lovely", "Where was that?"]
    assert [one.quoted_text for one in kept] == ["", ""]
    left = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [one["data"] for one in left] == [quote["data"], answer["data"]]
    assert [json.loads(one.item_json)["data"] for one in kept] == [one["data"] for one in left]
    row = db.session.scalars(select(StreamFile)).one()
    assert verify(settings.data_folder, row) == ""


def test_exports_of_other_posts_and_files_without_it_are_not_touched(
    runner: FlaskCliRunner, settings: Settings, owner: User, collected: TwitterUser
) -> None:
    number = make_tweet(collected, f"The {WORD}")
    eve = make_user("eve_x", uid=103)
    make_tweet(eve, "Somebody else's")
    kept = [
        finished_export(owner, eve.id, packing=packing, format=kind)
        for packing, kind in (("zip", "csv"), ("zip", "xlsx"), ("gzip", "json"))
    ]
    gone = [
        finished_export(owner, collected.id, packing=packing, format=kind)
        for packing, kind in (("zip", "csv"), ("zip", "xlsx"), ("none", "xlsx"), ("gzip", "json"))
    ]
    gone.append(finished_export(owner, collected.id, columns=("text",)))
    other = post()
    path = sealed_file(settings.data_folder, lines(other), [id_of(other)])
    before = {one: one.read_bytes() for one in (path, *kept)}
    assert run(runner, number).exit_code == 0
    assert {one: one.read_bytes() for one in before} == before
    assert not [one for one in gone if one.exists()]


def test_growing_files_are_named_and_left_until_they_are_finished(
    runner: FlaskCliRunner, settings: Settings, clock: FrozenClock
) -> None:
    gone, other = post(text=WORD), post()
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True)
    writer = StreamWriter(folder, PREFIX, 1, 60)
    for one in (gone, other):
        writer.add(json.dumps(one).encode(), id_of(one))
    writer.flush()
    assert writer.path is not None
    before = writer.path.read_bytes()
    done = run(runner, id_of(gone))
    assert done.exit_code == 1
    assert writer.path.name in done.stderr
    assert writer.path.read_bytes() == before
    writer.close()
    assert run(runner, id_of(gone)).exit_code == 0
    assert in_files(settings, WORD) == []
    assert len(in_files(settings, other["data"]["id"])) == 1


def test_the_quarantine_loses_the_line_once_its_day_is_over(
    runner: FlaskCliRunner, settings: Settings, clock: FrozenClock
) -> None:
    gone = post(text=WORD)
    aside = Quarantine(settings.data_folder, PREFIX)
    aside.keep(json.dumps(gone).encode()[:-1], "not JSON")
    aside.keep(b"something else", "not JSON")
    assert run(runner, id_of(gone)).exit_code == 1
    clock.advance(86_400)
    assert run(runner, id_of(gone)).exit_code == 0
    (path,) = (settings.data_folder / "quarantine").iterdir()
    assert len(path.read_bytes().splitlines()) == 1
    assert "nothing to delete" in run(runner, id_of(gone)).stdout


def test_a_damaged_stream_file_is_left_and_named(
    runner: FlaskCliRunner, settings: Settings
) -> None:
    gone = post(text=WORD)
    path = sealed_file(settings.data_folder, lines(gone), [id_of(gone)])
    with path.open("ab") as file:
        file.write(b"spoilt")
    spoilt = path.read_bytes()
    done = run(runner, id_of(gone))
    assert done.exit_code == 1
    assert f"Not done: {path.name} is damaged" in done.stderr
    assert path.read_bytes() == spoilt


def test_a_file_whose_every_line_goes_stays_as_an_empty_one(
    runner: FlaskCliRunner, settings: Settings
) -> None:
    gone = post(text=WORD)
    path = sealed_file(settings.data_folder, lines(gone), [id_of(gone)])
    assert run(runner, id_of(gone)).exit_code == 0
    assert gzip.decompress(path.read_bytes()) == b""
    row = db.session.scalars(select(StreamFile)).one()
    assert (row.lines, row.first_id, verify(settings.data_folder, row)) == (0, None, "")


def test_it_asks_first_and_a_no_changes_nothing(
    runner: FlaskCliRunner, collected: TwitterUser
) -> None:
    number = make_tweet(collected)
    given = ["remove_tweet", str(number), "--reason", "Asked by letter"]
    done = runner.invoke(args=given, input="n\n")
    assert done.exit_code == 1
    assert "1 stored post," in done.stdout
    assert db.session.scalar(select(TwitterUserItem.twitter_id)) == number
    assert runner.invoke(args=["remove_tweet", str(number)]).exit_code == 2
    assert runner.invoke(args=[*given[:-1], "  "]).exit_code == 2


def test_killed_before_the_new_file_is_in_place_it_is_done_the_next_time(
    runner: FlaskCliRunner, settings: Settings
) -> None:
    gone, other = post(text=WORD), post()
    path = sealed_file(settings.data_folder, lines(gone, other), [id_of(gone), id_of(other)])
    old = path.read_bytes()
    assert run(runner, id_of(gone)).exit_code == 0
    path.write_bytes(old)  # as it is when the rename was not reached any more
    path.with_name(path.name + stream_files.NEW_SUFFIX).write_bytes(b"half a fi")
    assert run(runner, id_of(gone)).exit_code == 0
    row = db.session.scalars(select(StreamFile)).one()
    assert verify(settings.data_folder, row) == ""
    assert [one.name for one in settings.data_folder.glob(f"{PREFIX}*")] == [path.name]
    assert in_files(settings, WORD) == []


def test_files_of_the_original_in_v1_words_are_written_without_it(
    runner: FlaskCliRunner, settings: Settings
) -> None:
    gone = {"id": 5_000_000_001, "id_str": "5000000001", "text": WORD}
    other = {"id": 5_000_000_002, "id_str": "5000000002", "text": "Mine"}
    quote = {**other, "id_str": "5000000003", "id": 5_000_000_003}
    retweet = {**other, "id_str": "5000000004", "id": 5_000_000_004, "retweeted_status": gone}
    notice = {"delete": {"status": {"id": 5_000_000_001, "id_str": "5000000001"}}}
    given = [gone, other, {**quote, "quoted_status": gone}, retweet, notice]
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(PREFIX, NOON, 0)
    path.write_bytes(gzip.compress(b"\n".join(json.dumps(one).encode() for one in given)))
    assert run(runner, 5_000_000_001).exit_code == 0
    left = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert left == [other, quote]


def test_recurring_exports_and_lists_of_ids_lose_it_too(
    runner: FlaskCliRunner, settings: Settings, owner: User, collected: TwitterUser
) -> None:
    number, kept = make_tweet(collected, f"The {WORD}"), make_tweet(collected)
    asked = storage.lists_folder() / "asked.txt"
    asked.write_text(f"{number}\n{kept}\n")
    finished_export(owner, collected.id)
    begin_write()
    one = recurring.add_recurring(db.session.scalars(select(ExportFile)).one(), "day")
    made = one.id
    db.session.commit()
    assert recurring.make_due_export(made) == 1
    (file,) = (settings.data_folder / "exports" / "recurring").glob("*/*.zip")
    with asked.open() as before:
        assert run(runner, number).exit_code == 0
        assert before.read() == f"{number}\n{kept}\n", "the new one is whole before it is there"
    assert not file.exists()
    assert asked.read_text() == f"{kept}\n"
