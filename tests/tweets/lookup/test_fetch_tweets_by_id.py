from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from sfm.sandbox.server import Sandbox
from sfm.twitter.payload import parse_line


@pytest.fixture
def ids(sandbox: Sandbox) -> list[int]:
    person = sandbox.world.find("FerryNotes")
    return sorted(sandbox.world.visible(person))[:130]


def test_tweets_found_come_out_as_lines_and_the_rest_is_logged(
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
    assert f"{len(ids) + 3} ids asked for, {len(ids)} tweets found, 3 not." in done.output


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
