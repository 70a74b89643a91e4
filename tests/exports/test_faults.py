"""What goes wrong on the way never leaves half a file under a final name, and is told."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.serving import make_server

from sfm.atomic_file import PART
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.errors import WrongInput
from sfm.exports import service, storage
from sfm.exports.build import build_export
from sfm.exports.errors import CountMismatch, NoRoom
from sfm.exports.format import FORMATS, Layout
from sfm.exports.request import Criteria, ExportRequest
from sfm.exports.storage import slug
from sfm.exports.task import run_export
from sfm.exports.writers.verify import verify_counts
from sfm.models import ExportFile, Run, User
from sfm.runs import queue, shutdown
from sfm.runs.errors import Cancelled, Interrupted
from tests.conftest import ROOT
from tests.exports.conftest import ABOUT
from tests.exports.making import made, names_in, rows_of
from tests.factories import make_tweets, make_twitter_user
from tests.pages import page, sign_in
from tests.pages import submit as submit_form
from tests.waiting import wait_for


def break_a_row(twitter_id: int) -> None:
    """A stored list that is no JSON, as a failing disk or a careless hand leaves it."""
    begin_write()
    broken = text("UPDATE twitter_user_item SET hashtags = :broken WHERE twitter_id = :id")
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ALTER TABLE twitter_user_item ALTER hashtags TYPE text"))
    db.session.execute(broken, {"broken": "[not json", "id": twitter_id})
    db.session.commit()


def environ_of(settings: Settings) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
        "SFM_SECRET_KEY": settings.secret_key,
    }


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "app", "export", *words]


@pytest.mark.parametrize("format", list(FORMATS))
@pytest.mark.parametrize("packing", ["none", "zip"])
def test_ex8_an_error_half_way_leaves_nothing(
    target_folder: Path, format: str, packing: str
) -> None:
    make_tweets(make_twitter_user(), ["x"] * 1_500)
    rows_done = []

    def watch(done: int, _total: int | None) -> None:
        rows_done.append(done)
        if done == 1_000:
            assert any(PART in name for name in names_in(target_folder))
            raise Cancelled

    with pytest.raises(Cancelled):
        made(target_folder / "x.zip", watch=watch, format=format, packing=packing)
    assert (rows_done[0], rows_done[-1]) == (0, 1_000)
    assert names_in(target_folder) == []


def test_ex8_the_reader_of_a_page_gets_an_error_and_no_half_file(
    client: FlaskClient, reader: User, app: Flask
) -> None:
    ids = make_tweets(make_twitter_user("City"), ["x"] * 600)
    break_a_row(ids[500])
    sign_in(client, reader)
    app.config["TESTING"] = False
    got = client.get("/twitter-user/City.csv")
    assert got.status_code == 500
    assert "Content-Disposition" not in got.headers
    assert names_in(storage.exports_folder()) == []


def test_an_earlier_file_stays_until_the_new_one_is_whole(target_folder: Path) -> None:
    path = target_folder / "x.csv"
    make_tweets(make_twitter_user(), ["one"])
    made(path)
    before = path.read_bytes()

    def stop(_done: int, _total: int | None) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        made(path, watch=stop, replaces=True)
    assert path.read_bytes() == before
    make_tweets(make_twitter_user(), ["two"])
    made(path, replaces=True)
    assert len(rows_of(path)) == 2


def test_two_exports_to_one_file_do_not_meet(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["one"])
    told = []

    def second(_done: int, _total: int | None) -> None:
        if not told:
            with pytest.raises(WrongInput, match="Another process is writing x.csv") as caught:
                made(target_folder / "x.csv")
            told.append(caught.value)

    made(target_folder / "x.csv", watch=second)
    assert told
    assert names_in(target_folder) == ["x.csv"]


def test_ex11_what_is_stored_meanwhile_is_not_in_it(target_folder: Path) -> None:
    user = make_twitter_user()
    ids = make_tweets(user, ["before"] * 1_500)
    added: list[int] = []

    def collect_meanwhile(done: int, total: int | None) -> None:
        assert total == 1_500
        if done == 1_000:
            added.extend(make_tweets(user, ["meanwhile"] * 20))
            begin_write()
            db.session.execute(text("UPDATE twitter_user_item SET item_text = 'changed'"))
            db.session.commit()

    product = made(target_folder / "x.csv", watch=collect_meanwhile)
    rows = rows_of(product.path)
    assert len(added) == 20
    assert [int(row["twitter_id"]) for row in rows] == ids
    assert {row["text"] for row in rows} == {"before"}
    assert product.facts.rows_read == 1_500
    assert {row["text"] for row in rows_of(made(target_folder / "y.csv").path)} == {"changed"}


def test_no_room_is_told_before_the_first_row(target_folder: Path, app: Flask) -> None:
    order = ExportRequest(Criteria(), Layout(packing="none"), ABOUT, keep_free_mb=10**9)
    with pytest.raises(NoRoom, match="must stay free"):
        build_export(order, target_folder / "x.csv")
    assert names_in(target_folder) == []
    assert storage.expected_bytes(Layout(format="json"), 1_000_000) > 10**9


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_and_is_told(settings: Settings, target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["x" * 200] * 1_500)
    path = target_folder / "x.jsonl"

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        command("--all", "--format", "json", "--filename", str(path)),
        cwd=ROOT, env=environ_of(settings), preexec_fn=small_files, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "The disk became full" in done.stderr) == (1, True), done.stderr
    assert names_in(target_folder) == []
    again = made(path, format="json")
    assert again.size_bytes > 100_000


@pytest.mark.slow
def test_a_killed_command_leaves_no_final_name_and_the_next_one_begins_again(
    settings: Settings, target_folder: Path
) -> None:
    make_tweets(make_twitter_user(), ["x" * 200] * 3_000)
    path = target_folder / "x.csv"
    process = subprocess.Popen(
        command("--all", "--filename", str(path)), cwd=ROOT, env=environ_of(settings)
    )
    part = target_folder / "x.csv.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert part.exists()
    assert not path.exists()
    assert len(rows_of(made(path).path)) == 3_000
    assert [name for name in names_in(target_folder) if not name.startswith(".")] == ["x.csv"]


LONG = Layout(format="xlsx", columns=("extended",), packing="bag")  # some thousand rows a second


def ask(reader: User, layout: Layout | None = None) -> ExportFile:
    export = service.create_export(reader, Criteria(), layout or Layout(), rows=10**6)
    db.session.commit()
    return export


def carry_out_next() -> None:
    run = queue.claim(["export"])
    assert run is not None
    with queue.finish(run) as result:
        result.update(run_export(run))


def test_a_run_that_was_asked_to_end_begins_again_and_says_so(reader: User) -> None:
    make_tweets(make_twitter_user(), ["x"] * 1_500)
    export = ask(reader)
    shutdown.request_stop()
    with pytest.raises(Interrupted):
        carry_out_next()
    shutdown.clear_stop()
    assert not (storage.exports_folder() / str(export.id) / export.file_name).exists()
    carry_out_next()
    db.session.expire_all()
    assert (export.state, export.restarts, export.rows_written) == ("ready", 1, 1_500)
    assert export.run is not None
    assert export.run.state == "finished"


KILLED_WORKER = """
import os, psutil, signal
from sfm.factory import app_from_env
from sfm.exports import task
from sfm.runs import queue
with app_from_env().app_context():
    run = queue.claim(["export"])
    advance = run.advance
    def die_half_way(done, added, **more):
        advance(done, added, **more)
        if 0 < run.progress.done < run.progress.total:
            print(*[child.pid for child in psutil.Process().children()], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    run.advance = die_half_way
    task.run_export(run)
"""


KILLED_READER = """
import os, signal, sys
from sfm.database import db
from sfm.exports import storage
from sfm.exports.request import Criteria
from sfm.exports.format import Layout
from sfm.factory import app_from_env
from sfm.models import User
from sfm.web.pages.export_requests import ask
storage.check_disk_space = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with app_from_env().app_context():
    ask(db.session.get_one(User, int(sys.argv[1])), Criteria(), Layout())
"""


@pytest.mark.slow
def test_a_small_export_whose_server_is_killed_is_taken_up_again(
    settings: Settings, client: FlaskClient, reader: User
) -> None:
    ids = make_tweets(make_twitter_user(), ["x"] * 20)
    number = reader.id
    db.session.rollback()
    done = subprocess.run(
        [sys.executable, "-c", KILLED_READER, str(number)], cwd=ROOT, env=environ_of(settings),
        check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    export = db.session.scalars(select(ExportFile)).one()
    assert export.state == "queued"
    left = names_in(storage.exports_folder() / str(export.id))
    assert any(PART in name for name in left)
    assert export.file_name not in left
    db.session.rollback()
    queue.recover_stale()
    carry_out_next()
    db.session.expire_all()
    assert (export.state, export.restarts, export.rows_written) == ("ready", 1, len(ids))
    sign_in(client, reader)
    assert "was started again from the beginning" in page(client, f"/exports/{export.id}/").text


def test_trouble_that_nobody_foresaw_fails_a_small_export_which_can_be_made_again(
    client: FlaskClient, reader: User, app: Flask
) -> None:
    ids = make_tweets(make_twitter_user(), ["x"] * 600)
    break_a_row(ids[500])
    sign_in(client, reader)
    app.config["TESTING"] = False
    asking = page(client, "/exports/new/")
    answer = submit_form(client, asking, "/exports/new/", columns="extended")
    assert answer.status_code == 500
    db.session.rollback()
    export = db.session.scalars(select(ExportFile)).one()
    assert (export.state, export.message) == ("failed", queue.UNEXPECTED)
    shown = page(client, f"/exports/{export.id}/")
    assert queue.UNEXPECTED in shown.text
    assert ">failed<" in page(client, "/exports/").html
    begin_write()
    mended = text("UPDATE twitter_user_item SET hashtags = '[]' WHERE twitter_id = :id")
    db.session.execute(mended, {"id": ids[500]})
    db.session.commit()
    submit_form(client, shown, f"/exports/{export.id}/again/")
    db.session.expire_all()
    assert (export.state, export.message) == ("queued", "")
    carry_out_next()
    db.session.expire_all()
    assert (export.state, export.rows_written) == ("ready", 600)


@pytest.mark.parametrize("run_state", [None, "failed", "cancelled"])
def test_an_export_that_nobody_makes_any_more_is_shown_and_settled_as_failed(
    client: FlaskClient, reader: User, run_state: str | None
) -> None:
    export = ask(reader)
    assert export.run is not None
    if run_state is None:
        db.session.delete(export.run)
    else:
        export.run.state, export.run.message = run_state, "It came to nothing."
    db.session.commit()
    said = "It came to nothing." if run_state else service.INTERRUPTED
    sign_in(client, reader)
    shown = page(client, f"/exports/{export.id}/")
    assert said in shown.text
    assert "hx-trigger" not in shown.by_id(f"export-{export.id}-progress").attrib
    begin_write()
    assert service.fail_abandoned() == 1
    db.session.commit()
    assert (export.state, export.message) == ("failed", said)
    assert said in page(client, f"/exports/{export.id}/").text
    assert service.fail_abandoned() == 0


def test_one_that_is_being_made_or_ready_is_not_made_again(reader: User) -> None:
    make_tweets(make_twitter_user(), ["x"])
    export = ask(reader)
    with pytest.raises(WrongInput, match="Only an export that failed"):
        service.retry(export)
    db.session.rollback()
    carry_out_next()
    db.session.expire_all()
    with pytest.raises(WrongInput, match="Only an export that failed"):
        service.retry(export)


@pytest.mark.slow
def test_a_run_whose_server_is_killed_begins_again_and_ends_whole(
    settings: Settings, reader: User
) -> None:
    ids = make_tweets(make_twitter_user(), ["x"] * 10_000)
    export = ask(reader, LONG)
    db.session.rollback()
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WORKER], cwd=ROOT, env=environ_of(settings), check=False,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    (maker,) = done.stdout.split()
    wait_for(lambda: not psutil.pid_exists(int(maker)))
    left = names_in(storage.exports_folder() / str(export.id))
    assert any(PART in name for name in left)
    assert export.file_name not in left
    assert queue.recover_stale(["export"]) == 1
    carry_out_next()
    db.session.expire_all()
    assert (export.state, export.restarts, export.rows_written) == ("ready", 1, len(ids))
    assert export.message == ""
    kept = [name for name in names_in(storage.exports_folder() / str(export.id)) if name[0] != "."]
    assert kept == [export.file_name]


def test_a_cancelled_run_ends_the_export(reader: User) -> None:
    make_tweets(make_twitter_user(), ["x"])
    export = ask(reader)
    run = queue.claim(["export"])
    assert run is not None
    begin_write()
    db.session.get_one(Run, run.id).cancel_requested = True
    db.session.commit()
    with pytest.raises(Cancelled), queue.finish(run) as result:
        result.update(run_export(run))
    db.session.expire_all()
    assert (export.state, export.message) == ("failed", "Cancelled.")


def test_ex7_a_client_who_leaves_leaves_nothing_behind(
    app: Flask, client: FlaskClient, reader: User
) -> None:
    make_tweets(make_twitter_user("City"), ["x" * 3_000] * 3_000)  # more than sockets hold
    sign_in(client, reader)
    cookie = client.get_cookie("sfm")
    assert cookie is not None
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        before = open_files()
        with socket.create_connection(server.server_address) as leaver:
            leaver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            leaver.sendall(
                b"GET /twitter-user/City.csv HTTP/1.1\r\nHost: localhost\r\n"
                b"Cookie: sfm=" + cookie.value.encode() + b"\r\n\r\n"
            )
            start = leaver.recv(200)
            assert b"200 OK" in start
            assert [name for name in open_files() - before if "at-once" in name]
        deadline = time.monotonic() + 2
        while [n for n in open_files() - before if "at-once" in n] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not [name for name in open_files() - before if "at-once" in name]
        assert names_in(storage.exports_folder()) == []
    finally:
        server.shutdown()
        server.server_close()


def open_files() -> set[str]:
    """What this process has open, deleted files too."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Posts of @City_Hall", "posts-of-city-hall"),
        ("a/b\\c..", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("line\r\nSet-Cookie: x", "line-set-cookie-x"),
        ("日本語", "posts"),
        ("", "posts"),
        ("Été à Zürich", "ete-a-zurich"),
        ("x" * 200, "x" * 60),
        ("nul\x00name", "nul-name"),
        ('quote"; filename="evil.exe', "quote-filename-evil-exe"),
    ],
)
def test_ex13_file_names_are_made_of_letters_digits_and_hyphens(title: str, name: str) -> None:
    assert slug(title) == name
    assert service.file_name(Criteria(title=title), Layout(), 7) == f"{name}-7.zip"


@pytest.mark.parametrize(
    ("read", "written", "left_out", "counted", "fine"),
    [(5, 5, 0, 5, True), (5, 3, 2, 3, True), (5, 4, 0, 4, False), (5, 5, 1, 5, False),
     (5, 5, 0, 4, False), (0, 0, 0, 0, True)],
)  # fmt: skip
def test_the_account_must_add_up(
    read: int, written: int, left_out: int, counted: int, fine: bool
) -> None:
    if fine:
        verify_counts(read, written, left_out, counted)
    else:
        with pytest.raises(CountMismatch):
            verify_counts(read, written, left_out, counted)


def test_rows_lost_on_the_disk_are_found(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["x"] * 1_500)
    part = target_folder / "x.csv.part"

    def lose(done: int, _total: int | None) -> None:
        if done == 1_500:
            os.truncate(part, 1_000)

    with pytest.raises(CountMismatch, match="1,500 rows were written, but the file holds"):
        made(target_folder / "x.csv", watch=lose)
    assert names_in(target_folder) == []
