from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from sfm.database import db
from sfm.models import DayTotal, Run, TwitterUser, TwitterUserItem
from sfm.posts import importer
from sfm.posts.count_check import verify_counts
from sfm.posts.importer import import_files
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.runs.jobs import IMPORT_TWEETS
from tests.posts.making import NOON as AT
from tests.posts.making import make_user, post, tweet_id


def v1(number: int, text: str = "An old tweet", uid: int = 101) -> dict[str, Any]:
    return {
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "id_str": str(tweet_id(AT, number)),
        "text": f"{text} {number}",
        "user": {"id_str": str(uid), "screen_name": f"name_{uid}", "followers_count": 3},
    }


def lines(*payloads: Any) -> bytes:
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode()) + b"\n"
        for one in payloads
    )


def stored() -> dict[int, str]:
    db.session.rollback()
    wanted = select(TwitterUserItem.twitter_id, TwitterUserItem.item_json)
    return {row.twitter_id: row.item_json for row in db.session.execute(wanted)}


def test_every_shape_of_file_is_read(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    make_user("ann", uid=101)
    flat = post(101, "flattened", twitter_id=11)
    flat = flat["data"] | {"author": flat["includes"]["users"][0]}
    page = {
        "data": [post(101, "paged", twitter_id=20 + n)["data"] for n in range(3)],
        "includes": {"users": [{"id": "101", "name": "Ann", "username": "ann"}]},
        "meta": {"result_count": 3},
    }
    single = page | {"data": [post(101, twitter_id=30)["data"]]}
    files = {
        "v1.jsonl": lines(v1(1), v1(2)),
        "v2.jsonl.gz": gzip.compress(lines(post(101, "streamed", twitter_id=10), flat)),
        "pages.jsonl": lines(page, {"statuses": [v1(3)]}),
        "pretty.json": json.dumps(single, indent=2).encode(),
        "list.json": json.dumps([v1(4), v1(5)], indent=1).encode(),
        "one.json": json.dumps(v1(6), indent=4).encode(),
        "bom.jsonl": b"\xef\xbb\xbf" + lines(v1(7)).replace(b"\n", b"\r\n"),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    done = runner.invoke(args=["import_tweets", *(str(tmp_path / name) for name in files)])

    assert done.exit_code == 0, done.output
    assert "0 unreadable" in done.output
    assert set(stored()) == {10, 11, 20, 21, 22, 30, *(tweet_id(AT, n) for n in range(1, 8))}
    assert json.loads(stored()[21])["includes"]["users"][0]["username"] == "ann"
    run = db.session.scalar(select(Run).where(Run.kind == IMPORT_TWEETS))
    assert run is not None
    assert (run.state, run.result["new"], run.added) == ("finished", 13, 13)


def test_a_second_import_changes_nothing(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    make_user("ann", uid=101)
    file = tmp_path / "tweets.jsonl"
    file.write_bytes(lines(*(v1(n) for n in range(30))))
    runner.invoke(args=["import_tweets", str(file)])
    before, total = stored(), db.session.scalar(select(func.sum(DayTotal.items)))
    again = [v1(n) | {"text": "other", "favorite_count": 99} for n in range(30)]
    file.write_bytes(lines(*again))

    done = runner.invoke(args=["import_tweets", str(file)])

    assert "30 posts read, 0 new, 30 known" in done.output
    assert stored() == before
    assert db.session.scalar(select(func.sum(DayTotal.items))) == total == 30


def test_what_is_no_post_is_listed_with_its_line_and_the_rest_comes_in(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    make_user("ann", uid=101)
    file = tmp_path / "tweets.jsonl"
    bad = {
        2: b'{"broken',
        3: b"<html>nothing</html>",
        5: json.dumps(v1(5) | {"id_str": str(2**63)}).encode(),
        6: json.dumps({"delete": {"status": {"id": 1}}}).encode(),
        7: b"[" * 100_000,
        9: json.dumps(v1(9) | {"id_str": "20", "created_at": "soon"}).encode(),
        10: b"\xff\xfe\x00",
    }
    file.write_bytes(lines(*(bad.get(n, v1(n)) for n in range(1, 13))))

    done = runner.invoke(args=["import_tweets", str(file)])

    assert done.exit_code == 0
    assert "5 new" in done.output
    assert "7 unreadable" in done.output
    rejects = Path(f"{file}.rejects").read_text().splitlines()
    assert [int(line.split("\t")[0]) for line in rejects] == sorted(bad)
    assert "too large" in rejects[2]
    assert "date" in rejects[5]

    kept = Path(f"{file}.rejects").read_text()
    file.write_bytes(lines(v1(1), b"not json"))
    assert runner.invoke(args=["import_tweets", str(file)]).exit_code == 0
    assert Path(f"{file}.rejects").read_text().startswith("2\t")
    assert Path(f"{file}.rejects-2").read_text() == kept

    file.write_bytes(lines(v1(1)))
    runner.invoke(args=["import_tweets", str(file)])
    assert not Path(f"{file}.rejects").exists()


def test_a_cut_gzip_keeps_what_came_before_and_ends_with_1(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    make_user("ann", uid=101)
    file = tmp_path / "tweets.jsonl.gz"
    whole = gzip.compress(lines(*(v1(n, text=os.urandom(200).hex()) for n in range(400))))
    file.write_bytes(whole[: len(whole) // 2])

    done = runner.invoke(args=["import_tweets", str(file)])

    assert done.exit_code == 1
    assert "damaged" in done.output
    assert 100 < len(stored()) < 400


def test_authors_nobody_tracks_are_left_out_or_added_inactive(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    make_user("ann", uid=101)
    file = tmp_path / "tweets.jsonl"
    file.write_bytes(lines(v1(1), v1(2, uid=202), v1(3, uid=202), v1(4, uid=303)))

    done = runner.invoke(args=["import_tweets", str(file)])
    assert "1 new, 0 known, 3 without an account here" in done.output
    assert len(stored()) == 1

    done = runner.invoke(args=["import_tweets", "--add-users", str(file)])
    assert "3 new, 1 known, 0 without an account here" in done.output
    assert "2 accounts added, inactive" in done.output
    added = db.session.scalars(select(TwitterUser).where(TwitterUser.uid.in_((202, 303)))).all()
    assert {user.name for user in added} == {"name_202", "name_303"}
    assert not any(user.is_active for user in added)
    assert sum(user.items_count for user in added) == 3


def test_a_file_that_is_not_there_is_wrong_usage(app: Flask, runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["import_tweets", "nowhere.jsonl"]).exit_code == 2
    assert runner.invoke(args=["import_tweets"]).exit_code == 2


IMPORT = ("import_tweets", "--add-users")


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    app: Flask,
    runner: FlaskCliRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batches: int,
) -> None:
    make_user("ann", uid=101)
    monkeypatch.setattr(importer, "BATCH", 10)
    file = tmp_path / "tweets.jsonl"
    payloads: list[Any] = [v1(n) for n in range(40)]
    payloads[3] = b"no tweet"
    file.write_bytes(lines(*payloads))
    seen = 0

    class Run_(RunContext):
        def check(self) -> None:
            nonlocal seen
            seen += 1
            if seen > batches:
                raise Killed

    def cut_off() -> None:
        run = queue.start(IMPORT_TWEETS, {})
        run.__class__ = Run_
        with queue.finish(run):
            import_files(run, [file])

    with pytest.raises(Killed):
        cut_off()
    assert seen == batches + 1
    half = len(stored())
    assert 0 < half < 39

    done = runner.invoke(args=["import_tweets", str(file)])

    assert f"went on behind line {batches * 10}" in done.output
    assert f"{39 - half} new, 0 known" in done.output
    assert len(stored()) == 39
    assert Path(f"{file}.rejects").read_text().count("\n") == 1
    assert verify_counts(repair=False) == []


@pytest.mark.slow
def test_a_large_file_needs_little_memory(
    app: Flask, instance_folder: Path, tmp_path: Path
) -> None:
    """Twenty thousand posts of 4 KB: what is held grows with the batch, not with the file."""
    make_user("ann", uid=101)
    file = tmp_path / "tweets.jsonl"
    with file.open("wb") as out:
        for number in range(20_000):
            out.write(lines(v1(number) | {"filler": "x" * 3_700}))
    code = (
        "import re, sys\n"
        "from sfm.factory import app_from_env\n"
        "app = app_from_env()\n"
        "done = app.test_cli_runner().invoke(args=['import_tweets', sys.argv[1]])\n"
        "assert '20,000 new' in done.output, done.output\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)\n"
    )
    url = app.extensions["sfm_settings"].database_url
    environ = {**os.environ, "SFM_INSTANCE": str(instance_folder), "SFM_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], env=environ, capture_output=True, text=True,
        check=False, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 110  # the file: 78 MB; libraries alone: about 85


def test_recorded_v1_posts_come_in_and_give_back_their_lines(
    app: Flask, runner: FlaskCliRunner, shared_data: Path
) -> None:
    done = runner.invoke(args=[*IMPORT, *copies(shared_data, "v1_tweets.jsonl")])
    assert "1,650 posts read" in done.output, done.output
    assert "0 unreadable" in done.output
    given = {
        true_id(json.loads(line)): line
        for line in (shared_data / "v1_tweets.jsonl").read_text(encoding="utf-8").split("\n")
        if line
    }
    held = stored()
    assert len(held) == len(given)
    for twitter_id, line in given.items():
        assert held[twitter_id] == line

    runner.invoke(args=[*IMPORT, *copies(shared_data, "v1_resightings.jsonl")])
    again = stored()
    assert {twitter_id: again[twitter_id] for twitter_id in held} == held
    done = runner.invoke(args=[*IMPORT, *copies(shared_data, "v1_resightings.jsonl")])
    assert "60 posts read, 0 new, 60 known" in done.output
    assert stored() == again


def test_recorded_rounded_ids_come_in_under_their_true_id(
    app: Flask, runner: FlaskCliRunner, shared_data: Path
) -> None:
    done = runner.invoke(args=[*IMPORT, *copies(shared_data, "v1_rounded_ids.jsonl")])
    given = [json.loads(line) for line in (shared_data / "v1_rounded_ids.jsonl").open()]
    assert any(one["id"] != int(one["id_str"]) for one in given)
    assert set(stored()) == {int(one["id_str"]) for one in given}, done.output


def test_recorded_v2_pages_come_in_whole(
    app: Flask, runner: FlaskCliRunner, shared_data: Path
) -> None:
    done = runner.invoke(args=[*IMPORT, *copies(shared_data, "v2_pages.jsonl")])
    posts: dict[int, str] = {}
    for line in (shared_data / "v2_pages.jsonl").read_bytes().splitlines():
        body = json.loads(line)
        data = body.get("data", body)
        for one in data if isinstance(data, list) else [data]:
            if "text" in one:
                posts[int(one["id"])] = one["text"]
    assert len(posts) > 1000
    held = stored()
    assert set(posts) == set(held), done.output
    for twitter_id, text in held.items():
        kept = json.loads(text)
        assert kept.get("data", kept)["text"] == posts[twitter_id]


def true_id(tweet: dict[str, Any]) -> int:
    """The oldest posts have no `id_str`; their ids are small enough for any tool."""
    return int(tweet.get("id_str") or tweet["id"])


def copies(folder: Path, *names: str) -> list[str]:
    """The files, in a folder where rejects may be written."""
    import tempfile

    there = Path(tempfile.mkdtemp())
    return [str(Path(copy)) for copy in (_copy(folder / name, there) for name in names)]


def _copy(path: Path, there: Path) -> Path:
    target = there / path.name
    target.write_bytes(path.read_bytes())
    return target
