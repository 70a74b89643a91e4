"""What killed exports leave: searched by removals, and tidied when nobody owns it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from flask import Flask

from sfm import clock as clock_module
from sfm.atomic_file import Destination, part_of
from sfm.database import db
from sfm.exports import storage
from sfm.exports.storage import AT_ONCE, remove_leftovers, work_folder
from sfm.removals.id_search import IdSearch
from sfm.takedown import removal
from sfm.takedown.file_search import CHUNK_BYTES, contains_ids
from tests.conftest import FrozenClock

NUMBER = 1_859_000_000_000_000_001


def left_by_killed_exports() -> list[Path]:
    """A half-written file, the files of a zip, and a small export that was made at once."""
    root = storage.exports_folder()
    at_once = root / f"{AT_ONCE}x1"
    paths = [
        storage.folder_of(9) / "all-9.csv.part",
        storage.folder_of(9) / "all-9.zip.part.files" / "all-9" / "data.csv",
        at_once / "export.part",
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{NUMBER},please forget this\n")
        if path.suffix == ".part":
            path.with_name(f".{path.name}.lock").touch()
    return paths


def test_what_killed_exports_left_is_searched_and_keeps_no_removal_waiting(app: Flask) -> None:
    paths = left_by_killed_exports()
    found = removal.find_posts([NUMBER])
    assert found.later == ()
    assert sorted(found.exports.files) == sorted(paths)
    outcome = removal.remove_posts(found, "Asked by letter")
    assert outcome.nothing_left
    assert not [path for path in paths if path.exists()]


def test_what_a_living_export_writes_is_neither_searched_nor_tidied(
    app: Flask, clock: FrozenClock
) -> None:
    target = storage.folder_of(9) / "all-9.zip"
    with part_of(Destination(target)) as part, work_folder(part) as work:
        data = work / "data.csv"
        data.write_text(f"{NUMBER},please forget this\n")
        part.write_text("half")
        for path in (data, work, part):
            _make_old(path, clock)
        found = removal.find_posts([NUMBER])
        assert (found.exports.files, found.later) == ((), (part,))
        assert not removal.remove_posts(found, "Asked by letter").nothing_left
        assert remove_leftovers() == 0
        assert data.exists()
    db.session.rollback()


def test_leftovers_are_tidied_an_hour_after_their_last_change(
    app: Flask, clock: FrozenClock
) -> None:
    clock.moment = clock_module.SystemClock().now()
    paths = left_by_killed_exports()
    assert remove_leftovers() == 0
    clock.advance(3601)
    assert remove_leftovers() == 3
    assert not [path for path in paths if path.exists()]
    assert not list(storage.exports_folder().rglob(".*"))
    assert remove_leftovers() == 0


def _make_old(path: Path, clock: FrozenClock) -> None:
    old = (clock.now() - timedelta(days=1)).timestamp()
    os.utime(path, (old, old))


def test_an_id_across_two_pieces_of_a_large_file_is_found(tmp_path: Path) -> None:
    looks: list[int] = []
    for before in range(CHUNK_BYTES - 20, CHUNK_BYTES + 2):
        path = tmp_path / "large.csv"
        path.write_bytes(b"," * before + str(NUMBER).encode() + b"," * CHUNK_BYTES * 2)
        assert contains_ids(path, IdSearch([NUMBER]), lambda: looks.append(1)), before
    assert not contains_ids(path, IdSearch([NUMBER + 1]), lambda: looks.append(1))
    assert len(looks) >= 4, "large files give the run a chance to say that it lives"


def test_ids_are_found_as_whole_numbers_of_any_length() -> None:
    search = IdSearch([20, NUMBER])
    assert search.search(b'{"id":20}')
    assert search.search(f"/status/{NUMBER}?s=20 ".encode())
    assert not search.search(b"2026-11-21 120 200")
    assert not search.search(f"1{NUMBER}".encode())
    assert not IdSearch([]).search(b"12")
