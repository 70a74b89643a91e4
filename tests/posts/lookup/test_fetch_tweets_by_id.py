from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from sfm.database import db
from sfm.models import Run
from sfm.sandbox.server import Sandbox
from sfm.twitter.parse.tweet import parse_line


@pytest.fixture
def ids(sandbox: Sandbox) -> list[int]:
    person = sandbox.world.find("FerryNotes")
    return sorted(sandbox.world.visible(person))[:130]


def test_posts_found_come_out_as_lines_and_the_rest_is_logged(
    runner: FlaskCliRunner, tmp_path: Path, ids: list[int]
) -> None:
    given, out = tmp_path / "ids.txt", tmp_path / "tweets.jsonl"
    odd = ["12", "not-an-id", str(2**63), "", str(ids[0])]
    given.write_text("\n".join([*map(str, ids), *odd]) + "\n")

    args = ["fetch_tweets_by_id", "--inputfile", str(given), "--outputfile", str(out)]
    done = runner.invoke(args=args)

    assert done.exit_code == 0, done.output
    tweets = [parse_line(line) for line in out.read_bytes().splitlines()]
    assert sorted(tweet.twitter_id for tweet in tweets) == ids
    assert all(tweet.screen_name == "FerryNotes" for tweet in tweets)
    log = dict(line.split("\t") for line in Path(f"{given}.log").read_text().splitlines())
    assert set(log) == {"12", "not-an-id", str(2**63)}
    assert all(log.values())
    assert f"{len(ids) + 3} ids asked for, {len(ids)} posts found, 3 not." in done.output
    run = db.session.query(Run).one()
    assert (run.api_calls, run.api_posts) == (2, len(ids)), "what was not found costs nothing"


def test_limit_and_output_on_the_screen(
    runner: FlaskCliRunner, tmp_path: Path, ids: list[int], sandbox: Sandbox
) -> None:
    given = tmp_path / "ids.txt"
    given.write_text("\n".join(map(str, ids)))
    sandbox.site.served.clear()

    done = runner.invoke(args=["fetch-tweets-by-id", "--inputfile", str(given), "--limit", "2"])

    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sorted(int(line["data"]["id"]) for line in lines) == ids[:2]
    assert len([one for one in sandbox.served if one.path == "/2/tweets"]) == 1
    assert not Path(f"{given}.log").exists()


def test_a_folder_that_cannot_be_written_to_is_told_at_once(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    given = tmp_path / "ids.txt"
    given.write_text("1\n")
    out = str(tmp_path / "nowhere" / "tweets.jsonl")
    done = runner.invoke(
        args=["fetch_tweets_by_id", "--inputfile", str(given), "--outputfile", out]
    )
    assert done.exit_code == 2
    assert "cannot be written" in done.output


@pytest.fixture
def fetch(runner: FlaskCliRunner, tmp_path: Path) -> Callable[..., Result]:
    """Look up these ids into tweets.jsonl, with more options."""

    def run(numbers: Iterable[object], *more: str) -> Result:
        given = tmp_path / "ids.txt"
        given.write_text("".join(f"{number}\n" for number in numbers))
        out = str(tmp_path / "tweets.jsonl")
        args = ["fetch_tweets_by_id", "--inputfile", str(given), "--outputfile", out, *more]
        return runner.invoke(args=args)

    return run


def ids_in(path: Path) -> list[int]:
    return [parse_line(line).twitter_id for line in path.read_bytes().splitlines()]


def test_a_second_fetch_leaves_the_first_unless_told_otherwise(
    fetch: Callable[..., Result], tmp_path: Path, ids: list[int], sandbox: Sandbox
) -> None:
    out = tmp_path / "tweets.jsonl"
    assert fetch([ids[0], 12]).exit_code == 0
    log = tmp_path / "ids.txt.log"
    first, first_log = out.read_bytes(), log.read_text()
    sandbox.site.served.clear()

    refused = fetch(ids[1:2])
    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert "--force" in refused.output
    assert (out.read_bytes(), log.read_text()) == (first, first_log)
    assert not [one for one in sandbox.served if one.path == "/2/tweets"]

    out.write_bytes(first.rstrip(b"\n"))
    assert fetch([ids[1], 13], "--append").exit_code == 0
    assert ids_in(out) == ids[:2]
    assert log.read_text() == first_log
    assert (tmp_path / "ids.txt.log-2").read_text().startswith("13\t")

    assert fetch(ids[2:3], "--force").exit_code == 0
    assert ids_in(out) == ids[2:3]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "ids.txt", "ids.txt.log", "ids.txt.log-2", "tweets.jsonl",
    ]  # fmt: skip
    assert fetch([], "--force", "--append").exit_code == 2


@pytest.mark.parametrize("how", ["spelling", "link", "hard link"])
def test_the_list_of_ids_is_never_written_over(
    runner: FlaskCliRunner, tmp_path: Path, ids: list[int], how: str
) -> None:
    given = tmp_path / "ids.txt"
    given.write_text(f"{ids[0]}\n")
    out = tmp_path / "other.txt"
    if how == "link":
        out.symlink_to(given)
    elif how == "hard link":
        out.hardlink_to(given)
    else:
        out = tmp_path / ".." / tmp_path.name / "ids.txt"
    args = ["fetch_tweets_by_id", "--inputfile", str(given), "--outputfile", str(out)]
    for more in ([], ["--force"], ["--append"]):
        done = runner.invoke(args=[*args, *more])
        assert done.exit_code == 2
        assert "is read by this very command" in done.output
    assert given.read_text() == f"{ids[0]}\n"


def test_what_was_paid_for_before_a_failure_is_kept(
    fetch: Callable[..., Result], tmp_path: Path, ids: list[int], sandbox: Sandbox
) -> None:
    fault = sandbox.faults.add("unauthorized", path="/2/tweets", after=1, times=None)
    done = fetch(ids)
    assert done.exit_code == 1
    assert fault.fired == 1
    kept = tmp_path / "tweets.jsonl.incomplete"
    assert str(kept) in done.output
    assert ids_in(kept) == ids[:100]
    assert not (tmp_path / "tweets.jsonl").exists()
    assert list(tmp_path.glob("*.part*")) == []
