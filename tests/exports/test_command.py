"""The export command: the options of old and the new ones, what it says and how it ends."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from flask.testing import FlaskCliRunner

from tests.exports.making import names_in, rows_of
from tests.factories import make_set, make_tweets, make_twitter_user, make_user, rename_to


def rows_in(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))

    user = make_twitter_user("City_Hall")
    return user


def test_csv_of_an_account_goes_to_standard_output(
    runner: FlaskCliRunner, app: object, noon: datetime
) -> None:
    user = make_twitter_user("City_Hall")
    make_tweets(user, ["one", "two"], at=noon)
    make_tweets(make_twitter_user(), ["other"], at=noon)
    result = runner.invoke(args=["export", "--twitter-user", "@city_hall"])
    assert result.exit_code == 0
    assert [row["text"] for row in rows_in(result.stdout)] == ["one", "two"]
    assert "2 rows read, 2 written, 0 left out." in result.stderr
    assert "rows read" not in result.stdout


def test_the_end_date_is_included(runner: FlaskCliRunner, app: object, noon: datetime) -> None:
    user = make_twitter_user("City")
    for days in range(4):
        make_tweets(user, [f"day {20 - days}"], at=noon - timedelta(days=days))
    result = runner.invoke(
        args=["export", "--twitter-user", "City", "--start-date", "2026-11-18",
              "--end-date", "2026-11-19"]
    )  # fmt: skip
    assert [row["text"] for row in rows_in(result.stdout)] == ["day 18", "day 19"]


@pytest.mark.parametrize("name", ["xls", "xlsx"])
def test_excel_by_both_names_with_all_headers(
    runner: FlaskCliRunner, target_folder: Path, name: str
) -> None:
    make_tweets(make_twitter_user("City"), ["one"])
    path = target_folder / "out.xlsx"
    result = runner.invoke(
        args=["export", "--twitter-user", "City", "--format", name, "--filename", str(path)]
    )
    assert (result.exit_code, result.stdout) == (0, "")
    header = next(openpyxl.load_workbook(path).active.iter_rows(values_only=True))
    assert (len(header), header[0], header[-1]) == (20, "sfm_id", "url2_expanded")


def test_a_set_of_two_owners_asks_for_the_owner(runner: FlaskCliRunner, app: object) -> None:
    for person in ("ann", "ben"):
        user = make_twitter_user()
        make_tweets(user, [f"of {person}"])
        make_set(make_user(person), "Elections", [user])
    result = runner.invoke(args=["export", "--set-name", "Elections"])
    assert result.exit_code == 2
    assert (
        "Several people have a set “Elections”: ann, ben. Say whose with --owner." in result.stderr
    )
    result = runner.invoke(args=["export", "--set-name", "Elections", "--owner", "ben"])
    assert [row["text"] for row in rows_in(result.stdout)] == ["of ben"]
    result = runner.invoke(args=["export", "--set-name", "Elections", "--owner", "zoe"])
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_former_name_finds_the_account_and_a_shared_one_asks(
    runner: FlaskCliRunner, app: object
) -> None:
    first = make_twitter_user("Mayor")
    make_tweets(first, ["by the first"])
    rename_to(first, "FormerMayor")
    result = runner.invoke(args=["export", "--twitter-user", "Mayor"])
    assert [row["text"] for row in rows_in(result.stdout)] == ["by the first"]
    second = make_twitter_user("Mayor")
    make_tweets(second, ["by the second"])
    result = runner.invoke(args=["export", "--twitter-user", "mayor"])
    assert [row["text"] for row in rows_in(result.stdout)] == ["by the second"]
    rename_to(second, "LaterMayor")
    result = runner.invoke(args=["export", "--twitter-user", "Mayor"])
    assert result.exit_code == 2
    assert str(first.uid) in result.stderr
    result = runner.invoke(args=["export", "--twitter-user", str(first.uid)])
    assert [row["text"] for row in rows_in(result.stdout)] == ["by the first"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "Say what to export by one of"),
        (["--all", "--twitter-user", "x"], "Say what to export by one of"),
        (["--all", "--format", "xls"], "--filename"),
        (["--all", "--package"], "--filename"),
        (["--all", "--start-date", "2026-02-30"], "is no date"),
        (["--all", "--zone", "Mars/North"], "is no time zone"),
        (["--all", "--columns", "nonsense"], "There is no column “nonsense”"),
        (["--all", "--columns", "text,text"], "named twice"),
        (["--all", "--gzip", "--bag", "--filename", "x"], "Choose one of"),
        (["--all", "--filename", "/nonexistent/x.csv"], "cannot be written to"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(
    runner: FlaskCliRunner, app: object, args: list[str], says: str
) -> None:
    result = runner.invoke(args=["export", *args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_an_unknown_account_ends_with_1(runner: FlaskCliRunner, app: object) -> None:
    result = runner.invoke(args=["export", "--twitter-user", "nobody"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no account nobody here." in result.stderr


def test_a_bag_and_a_package_by_command(runner: FlaskCliRunner, target_folder: Path) -> None:
    import bagit

    make_tweets(make_twitter_user("City"), ["one"])
    bag = target_folder / "bag"
    result = runner.invoke(args=["export", "--all", "--bag", "--filename", str(bag)])
    assert result.exit_code == 0, result.stderr
    bagit.Bag(str(bag)).validate()
    package = target_folder / "p.zip"
    assert not runner.invoke(
        args=["export", "--all", "--package", "--filename", str(package)]
    ).exit_code
    assert package.is_file()


def test_a_folder_of_other_things_is_left_as_it_is(
    runner: FlaskCliRunner, target_folder: Path
) -> None:
    make_tweets(make_twitter_user("City"), ["one"])
    docs = target_folder / "docs"
    docs.mkdir()
    (docs / "thesis.txt").write_text("precious")
    linked = target_folder / "linked"
    linked.symlink_to(docs)
    for how in (["--bag"], ["--package"], ["--format", "parquet"], ["--format", "csv"]):
        for name in (docs, linked):
            for more in ([], ["--force"]):
                args = ["export", "--all", *how, *more, "--filename", str(name)]
                result = runner.invoke(args=args)
                assert result.exit_code == 2, (how, result.output)
                assert "is a folder" in result.stderr
                assert "rows read" not in result.stderr
    assert names_in(docs) == ["thesis.txt"]
    assert names_in(target_folder) == ["docs", "linked"]


@pytest.mark.parametrize("how", ["--bag", "--package", "--format=parquet"])
def test_an_earlier_export_is_replaced_with_force_alone(
    runner: FlaskCliRunner, target_folder: Path, how: str
) -> None:
    user = make_twitter_user("City")
    make_tweets(user, ["one"])
    folder = target_folder / "out"
    folder.mkdir()  # an empty one is as good as none
    args = ["export", "--all", how, "--filename", str(folder)]
    assert runner.invoke(args=args).exit_code == 0
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    make_tweets(user, ["two"])
    refused = runner.invoke(args=args)
    assert (refused.exit_code, "--force" in refused.stderr) == (2, True)
    again = runner.invoke(args=[*args, "--force"])
    assert again.exit_code == 0, again.stderr
    assert "2 written" in again.stderr
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == names
    assert names_in(target_folder) == ["out"]
    (folder / "my notes.txt").write_text("mine")
    refused = runner.invoke(args=[*args, "--force"])
    assert (refused.exit_code, "holds other things" in refused.stderr) == (2, True)
    assert (folder / "my notes.txt").read_text() == "mine"


def test_a_file_is_replaced_with_force_alone(runner: FlaskCliRunner, target_folder: Path) -> None:
    make_tweets(make_twitter_user("City"), ["one"])
    path, linked = target_folder / "x.csv", target_folder / "linked.csv"
    path.write_text("mine")
    linked.symlink_to(path)
    for name in (path, linked):
        result = runner.invoke(args=["export", "--all", "--filename", str(name)])
        assert result.exit_code == 2
        assert "is there already. Name another file, or have it replaced with --force." in (
            result.stderr
        )
    assert path.read_text() == "mine"
    args = ["export", "--all", "--force", "--filename", str(linked)]
    assert runner.invoke(args=args).exit_code == 0
    assert linked.is_symlink()
    assert len(rows_of(path)) == 1
    refused = runner.invoke(args=["export", "--all", "--bag", "--force", "--filename", str(path)])
    assert (refused.exit_code, "is a file, and a folder is to be made" in refused.stderr) == (
        2, True,
    )  # fmt: skip
    assert runner.invoke(
        args=["export", "--all", "--force", "--filename", "/dev/null"]
    ).exit_code == 2  # fmt: skip
    assert Path("/dev/null").is_char_device()


def test_somebody_elses_part_is_left_and_said(runner: FlaskCliRunner, target_folder: Path) -> None:
    mine = target_folder / "x.csv.part"
    mine.write_text("mine")
    args = ["export", "--all", "--filename", str(target_folder / "x.csv")]
    result = runner.invoke(args=args)
    assert (result.exit_code, "is in the way" in result.stderr) == (2, True)
    assert mine.read_text() == "mine"
    assert names_in(target_folder) == ["x.csv.part"]


@pytest.mark.parametrize("option", ["--ids-file", "--stream-file"])
def test_what_is_exported_from_is_never_written_over(
    runner: FlaskCliRunner, target_folder: Path, option: str
) -> None:
    source, other = target_folder / "in.jsonl", target_folder / "other.jsonl"
    source.write_text(v2_line(1, "a flood") + "\n")
    other.hardlink_to(source)
    before = source.read_bytes()
    for target in (source, other, target_folder / ".." / target_folder.name / "in.jsonl"):
        args = ["export", option, str(source), "--force", "--filename", str(target)]
        result = runner.invoke(args=args)
        assert (result.exit_code, "is read by this very command" in result.stderr) == (2, True)
    assert source.read_bytes() == before


V1 = {
    "created_at": "Wed Oct 10 20:19:24 +0000 2018", "id": 1050118621198921728,
    "id_str": "1050118621198921728", "full_text": "from a stream #Flood", "lang": "en",
    "entities": {"hashtags": [{"text": "Flood", "indices": [14, 20]}], "urls": []},
    "user": {"id": 5, "id_str": "5", "screen_name": "streamer", "followers_count": 9,
             "friends_count": 8},
    "retweet_count": 1, "favorite_count": 2,
}  # fmt: skip


def v2_line(number: int, text: str) -> str:
    data = {"id": str(1050118621198921728 + number), "text": text, "author_id": "5",
            "created_at": "2018-10-11T00:00:00.000Z", "lang": "en"}  # fmt: skip
    return json.dumps({"data": data, "includes": {"users": [{"id": "5", "username": "streamer"}]}})


@pytest.fixture
def stream_files(target_folder: Path) -> list[str]:
    """Two files that overlap, with a notice, a keep-alive and a broken line."""
    first, second = target_folder / "first.gz", target_folder / "second.jsonl"
    lines = [json.dumps(V1), "", '{"delete":{"status":{"id":1}}}', v2_line(1, "a flood")]
    with gzip.open(first, "wt", encoding="utf-8") as file:
        file.write("\r\n".join(lines) + "\r\n")
    second.write_text("\n".join([v2_line(1, "a flood"), v2_line(2, "quiet"), '{"data":']) + "\n")
    return [f"--stream-file={first}", f"--stream-file={second}"]


def test_stream_files_are_merged_without_doubles(
    runner: FlaskCliRunner, stream_files: list[str]
) -> None:
    result = runner.invoke(args=["export", *stream_files])
    assert result.exit_code == 0, result.stderr
    rows = rows_in(result.stdout)
    assert [row["text"] for row in rows] == ["from a stream #Flood", "a flood", "quiet"]
    assert (rows[0]["sfm_id"], rows[0]["hashtags"], rows[0]["followers_count"]) == (
        "",
        "Flood",
        "9",
    )
    assert rows[0]["created_at"] == "2018-10-10T20:19:24Z"
    assert "6 rows read, 3 written, 3 left out." in result.stderr
    assert "1 met before in these files" in result.stderr
    assert "2 not a post" in result.stderr


def test_stream_files_are_narrowed_as_the_collection_is(
    runner: FlaskCliRunner, stream_files: list[str]
) -> None:
    for more, texts in (
        (["--text", "flood"], ["from a stream #Flood", "a flood"]),
        (["--text", "#flood"], ["from a stream #Flood"]),
        (["--text", "flo* -stream"], ["a flood"]),
        (["--text", '"a flood"'], ["a flood"]),
        (["--text", "quiet OR stream"], ["from a stream #Flood", "quiet"]),
        (["--end-date", "2018-10-10"], ["from a stream #Flood"]),
        (["--language", "de"], []),
        (["--kind", "retweet"], []),
    ):
        result = runner.invoke(args=["export", *stream_files, *more])
        assert [row["text"] for row in rows_in(result.stdout)] == texts, more


@pytest.mark.parametrize("format", ["json", "v1json", "ids", "parquet", "xlsx"])
def test_stream_files_in_other_formats(
    runner: FlaskCliRunner, stream_files: list[str], target_folder: Path, format: str
) -> None:
    path = target_folder / "out"
    result = runner.invoke(
        args=["export", *stream_files, "--format", format, "--filename", str(path)]
    )
    assert result.exit_code == 0, result.stderr
    assert "3 written" in result.stderr
    if format == "json":
        assert path.read_text().splitlines()[0] == json.dumps(V1)


def test_a_torn_stream_file_is_told(runner: FlaskCliRunner, target_folder: Path) -> None:
    torn = target_folder / "torn.gz"
    torn.write_bytes(gzip.compress(json.dumps(V1).encode() + b"\n")[:-20])
    result = runner.invoke(args=["export", "--stream-file", str(torn)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "torn.gz cannot be read to its end" in result.stderr


def test_packed_csv_by_command(runner: FlaskCliRunner, target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["one\ntwo"])
    path = target_folder / "x.csv.gz"
    args = ["export", "--all", "--gzip", "--keep-line-breaks", "--excel-mark", "--filename"]
    result = runner.invoke(args=[*args, str(path)])
    assert result.exit_code == 0
    assert gzip.decompress(path.read_bytes()).startswith(b"\xef\xbb\xbf")
    assert rows_of(path)[0]["text"] == "one\ntwo"
