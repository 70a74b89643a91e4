"""Stream files chosen by a filter or a day, merged without doubles, and samples of them."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import insert

from sfm.clock import SNOWFLAKE_EPOCH_MS
from sfm.database import db
from sfm.exports.request import Criteria
from sfm.exports.selection import MAX_FILES
from sfm.extensions import settings as settings_of
from sfm.models import StreamFile, User
from tests.exports.making import made, rows_of
from tests.exports.test_command import rows_in, v2_line
from tests.exports.test_pages import NEW, carry_out_queued, csv_of, last_export, submit
from tests.exports.test_sources_on_pages import stream_file
from tests.factories import make_user
from tests.pages import Page, fields_of, page, sign_in, text_of

MIDNIGHT = datetime.fromisoformat("2018-10-11T00:00:00Z")


def line_of(number: int) -> str:
    """A post published so many minutes after a midnight; before it, for a negative number."""
    at = MIDNIGHT + timedelta(minutes=number)
    line = json.loads(v2_line(number, f"tweet {number}"))
    line["data"] |= {"id": str(snowflake_of(at)), "created_at": at.isoformat()}
    return json.dumps(line)


def snowflake_of(moment: datetime) -> int:
    return (int(moment.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22


def sealed(owner: User, name: str, *numbers: int, begun: str = "") -> StreamFile:
    """A sealed file of the owner's filter, with the posts of these minutes, as it is recorded."""
    content = "".join(line_of(number) + "\r\n" for number in numbers)
    found = stream_file(owner, name, gzip.compress(content.encode()))
    found.lines = len(numbers)
    found.first_at = MIDNIGHT + timedelta(minutes=min(numbers))
    found.last_at = MIDNIGHT + timedelta(minutes=max(numbers))
    found.begun_at = datetime.fromisoformat(begun) if begun else found.first_at
    db.session.commit()
    return found


@pytest.fixture
def filter_id(app: object) -> int:
    """A filter whose three files overlap; another person's has a file of the second day too."""
    mine, other = make_user("keeper"), make_user("other")
    first = sealed(mine, "a.gz", -2, -1, 0)  # begun before midnight
    sealed(mine, "b.gz", 0, 3)
    sealed(mine, "c.gz", 3, 1439, 1440)  # goes on after the next midnight
    sealed(other, "d.gz", 4, 5)
    assert first.filter_id is not None
    return first.filter_id


def of_the_day(minutes: str) -> list[str]:
    return [f"tweet {number}" for number in minutes.split()]


def texts(stdout: str) -> list[str]:
    return [row["text"] for row in rows_in(stdout)]


def test_all_files_of_a_filter_are_merged_without_doubles(
    runner: FlaskCliRunner, filter_id: int
) -> None:
    result = runner.invoke(args=["export", "--twitter-filter", str(filter_id)])
    assert result.exit_code == 0, result.stderr
    assert texts(result.stdout) == ["tweet -2", *of_the_day("-1 0 3 1439 1440")]
    assert "8 rows read, 6 written, 2 left out." in result.stderr
    assert "2 met before in these files" in result.stderr


def test_a_day_has_its_posts_from_the_first_second_to_the_last_whatever_file_they_are_in(
    runner: FlaskCliRunner, filter_id: int
) -> None:
    result = runner.invoke(args=["export", "--day", "2018-10-11"])
    assert texts(result.stdout) == of_the_day("0 3 1439 4 5"), "in the order of files"
    assert "10 rows read, 5 written, 5 left out." in result.stderr
    assert "3 not as the criteria ask" in result.stderr
    args = ["export", "--day", "2018-10-11", "--twitter-filter", str(filter_id)]
    assert texts(runner.invoke(args=args).stdout) == of_the_day("0 3 1439")
    assert texts(runner.invoke(args=["export", "--day", "2018-10-10"]).stdout) == of_the_day(
        "-2 -1"
    )
    assert texts(runner.invoke(args=["export", "--day", "2018-10-12"]).stdout) == of_the_day("1440")


def test_a_day_is_one_of_the_zone_that_is_named(runner: FlaskCliRunner, filter_id: int) -> None:
    args = ["export", "--day", "2018-10-11", "--zone", "America/New_York"]  # from 4 h UTC on
    assert texts(runner.invoke(args=args).stdout) == of_the_day("1439 1440")


def test_a_gap_filled_days_later_belongs_to_its_own_day(
    runner: FlaskCliRunner, filter_id: int
) -> None:
    sealed(make_user("filler"), "fill.gz", 700, 701, begun="2018-10-20T08:00:00Z")
    result = runner.invoke(args=["export", "--day", "2018-10-11"])
    assert set(texts(result.stdout)) == set(of_the_day("0 3 4 5 700 701 1439"))
    assert runner.invoke(args=["export", "--day", "2018-10-20"]).exit_code == 1


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--twitter-filter", "99"], 1, "There are no sealed stream files of this filter or day."),
        (["--day", "2018-10-13"], 1, "There are no sealed stream files of this filter or day."),
        (["--day", "12.10.2018"], 2, "is no date. Write it as"),
        (["--day", " "], 2, "Write the day as"),
        (["--day", "2018-10-11", "--start-date", "2018-10-11"], 2, "Say one day, or a first"),
        (["--day", "2018-10-11", "--all"], 2, "Say what to export by one of"),
    ],
)
def test_what_is_not_there_or_not_clear_is_told(
    runner: FlaskCliRunner, filter_id: int, args: list[str], code: int, says: str
) -> None:
    result = runner.invoke(args=["export", *args])
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr


def test_a_sample_of_stream_files_is_drawn_from_single_posts_and_again_by_its_seed(
    runner: FlaskCliRunner, filter_id: int
) -> None:
    args = ["export", "--twitter-filter", str(filter_id), "--sample", "2", "--seed"]
    order = of_the_day("-2 -1 0 3 1439 1440")
    drawn = set()
    for seed in range(30):
        result = runner.invoke(args=[*args, str(seed)])
        found = texts(result.stdout)
        assert len(set(found)) == 2, "a tweet that two files hold is drawn once"
        assert found == [text for text in order if text in found]
        assert "8 rows read, 2 written, 6 left out." in result.stderr
        assert "4 not drawn for the sample" in result.stderr
        assert texts(runner.invoke(args=[*args, str(seed)]).stdout) == found
        drawn.update(found)
    assert drawn == set(order)


def test_a_sample_larger_than_the_files_is_all_of_them(
    runner: FlaskCliRunner, filter_id: int
) -> None:
    result = runner.invoke(args=["export", "--day", "2018-10-10", "--sample", "9"])
    assert texts(result.stdout) == of_the_day("-2 -1")


def test_a_sample_is_drawn_from_what_fits_and_its_number_is_known(
    target_folder: Path, filter_id: int
) -> None:
    numbers = range(10, 1_210)  # more than two batches of lines
    sealed(make_user("third"), "e.gz", *numbers)
    path = str(settings_of().data_folder / "streams" / "e.gz")
    told: list[tuple[int, int | None]] = []
    criteria = Criteria(source="files", files=(path,), sample=300, seed=4)
    product = made(target_folder / "x.csv", criteria, lambda *seen: told.append(seen))
    found = [int(row["text"].split()[1]) for row in rows_of(product.path)]
    assert len(found) == 300
    assert found == sorted(set(found))
    assert min(found) < 300
    assert max(found) > 900
    assert told[0] == (0, None)
    assert told[-1] == (300, 300)
    assert product.facts.left_out == {"not drawn for the sample": 900}


def test_a_page_takes_a_filter_and_a_day_of_ones_own(
    client: FlaskClient, reader: User, filter_id: int
) -> None:
    mine = sealed(reader, "mine.gz", -9, 7, 8)
    sealed(reader, "later.gz", 1441, 1442)
    sign_in(client, reader)
    address = f"{NEW}?filter={mine.filter_id}"
    assert "Posts of 2 stream files of 2018-10-10 to 2018-10-12" in page(client, address).text
    submit(client, address, NEW, sample="1")
    carry_out_queued()
    assert last_export().rows_written == 1
    address = f"{NEW}?day=2018-10-11&zone=UTC"
    asking = page(client, address).text
    assert "Posts of 2018-10-11 out of a stream file Published on 2018-10-11, a day of" in asking
    submit(client, address, NEW)
    carry_out_queued()
    rows = csv_of(client.get(f"/exports/{last_export().id}/file/").data)
    assert [row["text"] for row in rows] == ["tweet 7", "tweet 8"], "nobody else's of that day"
    assert client.get(f"{NEW}?filter={filter_id}").status_code == 404
    assert client.get(f"{NEW}?filter=x").status_code == 422
    assert client.get(f"{NEW}?day=yesterday").status_code == 422


def link_named(shown: Page, words: str) -> str:
    (found,) = [one.get("href") for one in shown.all("a") if text_of(one) == words]
    return str(found)


def test_the_page_of_files_leads_to_a_days_posts_and_to_all_of_a_filter(
    client: FlaskClient, reader: User
) -> None:
    first = sealed(reader, "mine.gz", -9, 7, 8)
    sealed(reader, "next.gz", 8, 9)
    sign_in(client, reader)
    address = f"/files/?stream={first.prefix}&day=2018-10-11"
    day = link_named(page(client, address), "Export the posts of this day")
    submit(client, day, NEW)
    carry_out_queued()
    rows = csv_of(client.get(f"/exports/{last_export().id}/file/").data)
    assert [row["text"] for row in rows] == of_the_day("7 8 9"), "also of the file begun before"
    every = link_named(page(client, address), "Export all posts of this filter's files")
    assert "Posts of 2 stream files" in page(client, every).text
    ticked = page(client, f"{NEW}?files={first.id}&day=2018-10-10&zone=UTC")
    assert "Posts of 2018-10-10 out of a stream file" in ticked.text


def test_posts_of_files_are_narrowed_on_the_page_of_the_export(
    client: FlaskClient, reader: User
) -> None:
    sealed(reader, "mine.gz", -9, 7, 8)
    sign_in(client, reader)
    asking = page(client, f"{NEW}?day=2018-10-11&zone=UTC")
    assert "3 at most: these files hold so many lines" in asking.text
    narrow = asking.by_id("narrow")
    assert narrow.get("method") == "get"
    kept = dict(fields_of(narrow)) | {"q": "tweet 8", "kind": "post"}
    shown = page(client, f"{narrow.get('action')}?{urlencode(kept)}")
    assert "Found by tweet 8 Kinds post" in shown.text
    submit(client, shown.url, NEW)
    carry_out_queued()
    rows = csv_of(client.get(f"/exports/{last_export().id}/file/").data)
    assert [row["text"] for row in rows] == ["tweet 8"]
    assert last_export().left_out == {"not as the criteria ask": 2}


def test_too_many_files_for_one_export_are_told_with_the_way_out(
    client: FlaskClient, reader: User
) -> None:
    one = sealed(reader, "x.gz", -60)
    begun = MIDNIGHT + timedelta(hours=8)
    alike = {"prefix": one.prefix, "filter_id": one.filter_id, "begun_at": begun}
    facts = {"lines": 1, "size_bytes": 1, "sha256": "0" * 64}
    rows = [{"path": f"streams/{number}.gz", **alike, **facts} for number in range(MAX_FILES)]
    db.session.execute(insert(StreamFile), rows)
    db.session.commit()
    sign_in(client, reader)
    refused = client.get(f"{NEW}?filter={one.filter_id}")
    assert refused.status_code == 422
    assert "Choose one day of them." in refused.text
    assert client.get(f"{NEW}?filter={one.filter_id}&day=2018-10-10").status_code == 200
