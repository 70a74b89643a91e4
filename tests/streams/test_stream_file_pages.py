"""Stream files in the browser, and their way to and from the manifest."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock as sfm_clock
from sfm.database import db
from sfm.errors import NotFound
from sfm.extensions import settings as app_settings
from sfm.models import Run, StreamFile, TwitterFilter, User
from sfm.streams import archive, file_names, files
from sfm.streams.manifest import record_file
from sfm.streams.writer import StreamWriter
from tests.pages import page, submit
from tests.streams.conftest import zcat

LoginAs = Callable[[User], FlaskClient]


@pytest.fixture
def root(app: Flask) -> Path:
    return app_settings().data_folder


def make_file(root: Path, filter_id: int, first: int = 1, count: int = 30) -> StreamFile:
    """A sealed file with its row. Commits."""
    sealed: list[object] = []
    writer = StreamWriter(root, f"twitterfilter-{filter_id}", 1, 900, lambda *s: sealed.append(s))
    for number in range(first, first + count):
        text = "<b>post</b>" if number == first else f"post {number}"
        writer.add(
            b'{"data":{"id":"%d","text":"%s","author_id":"5"}}' % (number, text.encode()), number
        )
    writer.close()
    ((path, facts),) = sealed  # type: ignore[misc]
    row = record_file(root, path, facts)
    db.session.commit()
    assert row is not None
    return row


@pytest.fixture
def own(app: Flask, reader: User) -> TwitterFilter:
    found = TwitterFilter(name="Floods", user_id=reader.id, words="flood", is_active=False)
    db.session.add(found)
    db.session.commit()
    return found


def test_files_are_listed_by_day_shown_and_downloaded_whole(
    client: FlaskClient, reader: User, login_as: LoginAs, root: Path, own: TwitterFilter
) -> None:
    row = make_file(root, own.id)
    login_as(reader)
    listed = page(client, f"/files/?stream=twitterfilter-{own.id}&day={row.begun_at:%Y-%m-%d}")
    assert "Floods" in listed.text
    assert row.path in listed.html
    shown = page(client, f"/files/{row.id}/")
    assert "<b>post</b>" in shown.text
    assert row.sha256 in shown.text
    answer = client.get(f"/files/{row.id}/download")
    assert answer.headers["Content-Type"] == "application/gzip"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.data == (root / row.path).read_bytes()
    assert gzip.decompress(answer.data).count(b"\n") == 30


def test_files_of_others_are_not_there(
    client: FlaskClient, superuser: User, reader: User, login_as: LoginAs, root: Path,
    own: TwitterFilter,
) -> None:  # fmt: skip
    theirs = TwitterFilter(name="Theirs", user_id=superuser.id, words="x", is_active=False)
    db.session.add(theirs)
    db.session.commit()
    row, mine = make_file(root, theirs.id), make_file(root, own.id)
    login_as(reader)
    assert "Theirs" not in page(client, "/files/").text
    for path in ("", "download"):
        assert client.get(f"/files/{row.id}/{path}").status_code == 404
    day = page(client, f"/files/?stream={mine.prefix}&day={mine.begun_at:%Y-%m-%d}")
    answer = submit(client, day, "/files/hand-on/", file=[mine.id, row.id], to="export")
    assert answer.status_code == 404
    login_as(superuser)
    assert "Theirs" in page(client, "/files/").text


@pytest.mark.parametrize("kind", ["file link", "folder link", "dots", "absolute", "gone"])
def test_no_path_leads_out_of_the_data_folder(
    client: FlaskClient, superuser: User, login_as: LoginAs, root: Path, own: TwitterFilter,
    tmp_path: Path, kind: str,
) -> None:  # fmt: skip
    """S35: links are not followed, whatever a row says."""
    row = make_file(root, own.id)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.gz").write_bytes(b"secret")
    if kind == "file link":
        (root / row.path).unlink()
        (root / row.path).symlink_to(secret / "key.gz")
    elif kind == "folder link":
        (root / "linked").symlink_to(secret)
        row.path = "linked/key.gz"
    elif kind == "dots":
        row.path = os.path.relpath(secret / "key.gz", root)
    elif kind == "absolute":
        row.path = str(secret / "key.gz")
    else:
        (root / row.path).unlink()
    login_as(superuser)
    assert client.get(f"/files/{row.id}/download").status_code == 404
    assert (
        "no longer" in page(client, f"/files/{row.id}/").text
        or "any more" in page(client, f"/files/{row.id}/").text
    )


def test_a_damaged_file_is_found_by_a_check(
    client: FlaskClient, superuser: User, login_as: LoginAs, root: Path, own: TwitterFilter
) -> None:
    """CP16"""
    row = make_file(root, own.id)
    login_as(superuser)
    submit(client, page(client, f"/files/{row.id}/"), f"/files/{row.id}/check/")
    db.session.expire_all()
    assert (row.damage, row.checked_at is not None) == ("", True)
    path = root / row.path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    submit(client, page(client, f"/files/{row.id}/"), f"/files/{row.id}/check/")
    db.session.expire_all()
    assert row.damage


def test_ticked_files_go_to_export_or_import(
    client: FlaskClient, superuser: User, login_as: LoginAs, root: Path, own: TwitterFilter
) -> None:
    one, two = make_file(root, own.id), make_file(root, own.id, 100)
    login_as(superuser)
    day = page(client, f"/files/?stream={one.prefix}&day={one.begun_at:%Y-%m-%d}")
    both = [one.id, two.id]
    answer = submit(client, day, "/files/hand-on/", file=both, to="export")
    assert unquote(answer.location).endswith(f"/exports/new/?files={one.id},{two.id}")
    page(client, answer.location)
    submit(client, day, "/files/hand-on/", file=both, to="import")
    run = db.session.query(Run).one()
    assert (run.kind, run.params["stream_files"]) == ("import_tweets", [one.id, two.id])
    assert submit(client, day, "/files/hand-on/", file=None, to="export").status_code == 422


def test_organizedata_moves_old_files_and_the_manifest_follows(
    app: Flask, root: Path, own: TwitterFilter
) -> None:
    row, young = make_file(root, own.id), make_file(root, own.id, 100)
    old_name = f"twitterfilter-{own.id}-2020-02-29T23-59-59Z.gz"
    (root / row.path).rename(root / old_name)
    row.path = old_name
    db.session.commit()
    done = app.test_cli_runner().invoke(args=["organizedata"])
    assert done.exit_code == 0, done.output
    db.session.rollback()
    assert row.path == f"twitterfilter-{own.id}/2020/02/29/23/{old_name}"
    assert files.path_of(root, row).is_file()
    assert "/" not in young.path
    again = app.test_cli_runner().invoke(args=["organizedata"])
    assert again.output.startswith("0 files moved, 0 added")


def test_files_the_database_does_not_know_are_written_into_the_manifest(
    app: Flask, root: Path, own: TwitterFilter
) -> None:
    row = make_file(root, own.id)
    facts = (row.lines, row.sha256, row.first_id, row.last_id)
    db.session.delete(row)
    db.session.commit()
    (root / "twitterfilter-9-2026-01-01T00-00-00Z.gz").symlink_to("/etc/passwd")
    (root / "notes-Z.gz").write_bytes(b"")
    assert files.catch_up(root) == 1
    found = db.session.query(StreamFile).one()
    assert (found.lines, found.sha256, found.first_id, found.last_id) == facts


def test_a_row_follows_a_file_whose_move_was_cut_short_before_it_was_told(
    app: Flask, root: Path, own: TwitterFilter
) -> None:
    row = make_file(root, own.id)
    row.origin, number, name = "gap_fill", row.id, row.path
    db.session.commit()
    parsed = file_names.parse(name)
    assert parsed is not None
    target = archive.target_of(root, parsed) / name
    archive.move(root / name, target)
    assert files.catch_up(root) == 0
    found = db.session.query(StreamFile).one()
    assert (found.id, found.origin) == (number, "gap_fill")
    assert files.path_of(root, found) == target
    assert files.catch_up(root) == 0


def test_a_move_never_writes_over_another_file(root: Path, own: TwitterFilter) -> None:
    old_name = f"twitterfilter-{own.id}-2020-02-29T23-59-59Z.gz"
    (root / old_name).write_bytes(b"mine")
    target = root / f"twitterfilter-{own.id}/2020/02/29/23/{old_name}"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"other")
    (moved,) = archive.organize(root, root, 900)
    assert moved.problem
    assert (target.read_bytes(), (root / old_name).read_bytes()) == (b"other", b"mine")
    target.write_bytes(b"mine")
    (moved,) = archive.organize(root, root, 900)
    assert (moved.problem, (root / old_name).exists()) == ("", False)


def test_a_move_to_another_disk_is_copied_and_compared(
    root: Path, own: TwitterFilter, tmp_path: Path
) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == root.stat().st_dev:
        pytest.skip("there is no second disk here")
    row = make_file(root, own.id)
    source = root / row.path
    text = zcat(source)
    target = shm / f"sfm-test-{os.getpid()}" / source.name
    try:
        archive.move(source, target)
        assert zcat(target) == text
        assert target.stat().st_mode & 0o777 == 0o600
        assert not source.exists()
        assert [path.name for path in target.parent.iterdir()] == [source.name]
    finally:
        target.unlink(missing_ok=True)
        target.parent.rmdir()


def test_a_name_of_the_year_decides_its_folder(root: Path) -> None:
    name = file_names.parse("streamsample-2027-01-01T00-00-00Z.gz")
    assert name is not None
    assert archive.target_of(root, name) == root / "streamsample/2027/01/01/00"
    assert name.begun_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert sfm_clock.now() - name.begun_at < timedelta(days=3650)


def test_a_missing_number_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        files.by_id(12345)
