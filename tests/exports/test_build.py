"""Exports out of the database: what comes out is what is held, and the account adds up."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import bagit
import duckdb
import openpyxl
import pytest
from flask import Flask

from sfm.database import begin_write, db
from sfm.errors import WrongInput
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.format import FORMATS
from sfm.exports.request import Criteria
from sfm.messages import Message
from sfm.models import Link, TwitterUserItem, TwitterUserItemUrl
from sfm.twitter.parse.tweet import parse_line
from tests.exports.conftest import HOSTILE
from tests.exports.making import made, names_in, of, rows_of
from tests.factories import make_set, make_tweets, make_twitter_user, make_user

NAMES = (
    "sfm_id created_at created_at_date twitter_id screen_name followers_count friends_count "
    "retweet_count hashtags in_reply_to_screen_name mentions twitter_url is_retweet_strict "
    "is_retweet coordinates text url1 url1_expanded url2 url2_expanded"
).split()


def test_the_twenty_classic_columns_stand_in_their_order(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["one"])
    product = made(target_folder / "x.csv")
    header = product.path.read_bytes().decode().split("\r\n", maxsplit=1)[0]
    assert header.split(",") == NAMES == [column.name for column in CLASSIC]


def test_the_classic_cells_of_one_post(target_folder: Path, noon: datetime) -> None:
    user = make_twitter_user("City_Hall")
    (twitter_id,) = make_tweets(
        user,
        ["Hello @ann &amp; @Ben #Flood #Help\nhttps://t.co/a https://t.co/b"],
        at=noon,
        entities={
            "hashtags": [
                {"start": 1, "end": 2, "tag": "Flood"},
                {"start": 3, "end": 4, "tag": "Help"},
            ],
            "mentions": [
                {"start": 6, "end": 10, "username": "ann", "id": "7"},
                {"start": 12, "end": 16, "username": "Ben", "id": "8"},
            ],
            "urls": [
                {
                    "start": 1,
                    "end": 2,
                    "url": "https://t.co/a",
                    "expanded_url": "https://a.example/1",
                },
                {
                    "start": 3,
                    "end": 4,
                    "url": "https://t.co/b",
                    "expanded_url": "https://b.example/2",
                },
            ],
        },
        geo={"coordinates": {"type": "Point", "coordinates": [-77.05, 38.9]}},
        public_metrics={"retweet_count": 3, "like_count": 4, "reply_count": 5, "quote_count": 6},
    )
    row = rows_of(made(target_folder / "x.csv", guard_formulas=False).path)[0]
    item = db.session.query(TwitterUserItem).one()
    assert row == {
        "sfm_id": str(item.id),
        "created_at": "2026-11-20T12:00:00Z",
        "created_at_date": "11/20/2026",
        "twitter_id": str(twitter_id),
        "screen_name": "City_Hall",
        "followers_count": "",
        "friends_count": "",
        "retweet_count": "3",
        "hashtags": "Flood, Help",
        "in_reply_to_screen_name": "",
        "mentions": "@ann, @Ben",
        "twitter_url": f"https://x.com/City_Hall/status/{twitter_id}",
        "is_retweet_strict": "False",
        "is_retweet": "False",
        "coordinates": "[-77.05, 38.9]",
        "text": "Hello @ann & @Ben #Flood #Help https://t.co/a https://t.co/b",
        "url1": "https://t.co/a",
        "url1_expanded": "https://a.example/1",
        "url2": "https://t.co/b",
        "url2_expanded": "https://b.example/2",
    }


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_holds_every_post_oldest_first(target_folder: Path, format: str) -> None:
    user = make_twitter_user()
    ids = make_tweets(user, [text for text in HOSTILE if "\x00" not in text] + ["x"] * 1_200)
    path = target_folder / f"x{FORMATS[format].suffix}"
    product = made(path, format=format)
    assert (product.facts.rows_read, product.facts.rows_written) == (len(ids), len(ids))
    assert ids_in(path, format) == ids
    assert names_in(target_folder) == [path.name]


def ids_in(path: Path, format: str) -> list[int]:
    if format in ("csv", "tsv"):
        delimiter = "," if format == "csv" else "\t"
        return [int(row["twitter_id"]) for row in rows_of(path, delimiter)]
    if format == "xlsx":
        sheet = openpyxl.load_workbook(path, read_only=True).active
        return [int(row[3]) for row in sheet.iter_rows(min_row=2, values_only=True)]
    if format == "ids":
        return [int(line) for line in path.read_text().split()]
    if format == "parquet":
        found = duckdb.sql(
            f"SELECT twitter_id FROM '{path}/**/*.parquet' ORDER BY created_at, sfm_id"
        )
        return [int(row[0]) for row in found.fetchall()]
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [parse_line(line.encode()).twitter_id for line in lines]


def test_json_is_as_received_byte_for_byte(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), list(HOSTILE[:20]))
    product = made(target_folder / "x.jsonl", format="json")
    stored = [item.item_json for item in db.session.query(TwitterUserItem).order_by("twitter_id")]
    assert product.path.read_bytes().decode().split("\n")[:-1] == stored


def test_parquet_is_typed_and_parted_by_month(target_folder: Path, noon: datetime) -> None:
    user = make_twitter_user()
    for months in (0, 31, 62):
        make_tweets(user, ["a #b", "c"], at=noon - timedelta(days=months),
                    entities={"hashtags": [{"start": 2, "end": 4, "tag": "b"}]})  # fmt: skip
    path = made(target_folder / "x.parquet", format="parquet", columns=("extended",)).path
    assert names_in(path) == ["month=2026-09", "month=2026-10", "month=2026-11"]
    query = duckdb.sql(
        f"SELECT typeof(created_at), typeof(sfm_id), typeof(twitter_id), typeof(hashtags), "
        f"typeof(is_retweet), typeof(created_at_date), month, hashtags "
        f"FROM read_parquet('{path}/**/*.parquet', hive_partitioning=true) "
        "ORDER BY created_at LIMIT 1"
    )
    assert query.fetchall()[0] == (
        "TIMESTAMP WITH TIME ZONE", "BIGINT", "VARCHAR", "VARCHAR[]", "BOOLEAN", "DATE", "2026-09",
        ["b"],
    )  # fmt: skip


class TestSelections:
    def test_the_last_day_is_included_in_the_zone_that_is_said(
        self, target_folder: Path, noon: datetime
    ) -> None:
        user = make_twitter_user()
        midnight = noon.replace(hour=0)
        for hours, text in ((-1, "before"), (0, "first"), (23.99, "last"), (24, "after")):
            make_tweets(user, [text], at=midnight + timedelta(hours=hours))
        asked = {"from": "2026-11-20", "to": "2026-11-20"}
        utc = rows_of(made(target_folder / "x.csv", of(**asked)).path)
        assert [row["text"] for row in utc] == ["first", "last"]
        berlin = rows_of(made(target_folder / "y.csv", of(**asked, zone="Europe/Berlin")).path)
        assert [row["text"] for row in berlin] == ["before", "first"]

    def test_an_account_and_a_set(self, target_folder: Path) -> None:
        one, two, three = (make_twitter_user() for _ in range(3))
        for user in (one, two, three):
            make_tweets(user, [user.name])
        found = make_set(make_user(), members=[one, three])
        by_set = rows_of(made(target_folder / "s.csv", of(set=found.id)).path)
        assert {row["text"] for row in by_set} == {one.name, three.name}
        by_account = rows_of(made(target_folder / "a.csv", of(account=two.id)).path)
        assert [row["text"] for row in by_account] == [two.name]

    def test_a_search_and_kinds(self, target_folder: Path) -> None:
        make_tweets(make_twitter_user(), ["flood in the city", "RT of nothing", "quiet day"])
        rows = rows_of(made(target_folder / "x.csv", of(q="flood")).path)
        assert [row["text"] for row in rows] == ["flood in the city"]
        assert made(target_folder / "y.csv", of(kind="retweet")).facts.rows_written == 0

    def test_a_sample_is_drawn_again_by_its_seed(self, target_folder: Path) -> None:
        make_tweets(make_twitter_user(), [f"t{n}" for n in range(50)])
        drawn = []
        for seed, name in ((1, "a"), (1, "b"), (2, "c")):
            product = made(target_folder / f"{name}.csv", Criteria(sample=10, seed=seed))
            assert product.facts.left_out == {"not drawn for the sample": 40}
            drawn.append([row["text"] for row in rows_of(product.path)])
        assert drawn[0] == drawn[1] != drawn[2]
        assert all(len(rows) == 10 for rows in drawn)

    def test_a_list_of_ids_says_what_it_left_out(self, target_folder: Path) -> None:
        first, second = make_tweets(make_twitter_user(), ["one", "two flood"])
        listed = target_folder / "ids.txt"
        listed.write_text(
            f"\ufeff{second}\nid:{first}\nhttps://x.com/a/status/{second}?s=20\n\n99\nno id\n"
        )
        found = Criteria(source="ids", ids_file=str(listed))
        product = made(target_folder / "x.csv", found)
        assert [int(row["twitter_id"]) for row in rows_of(product.path)] == [first, second]
        assert product.facts.rows_read == 5
        assert product.facts.left_out == {
            "listed before": 1, "not held here": 1, "no post id on the line": 1,
        }  # fmt: skip
        narrowed = Criteria(of(q="flood").selection, "ids", ids_file=str(listed))
        left = made(target_folder / "y.csv", narrowed).facts.left_out
        assert left["not as the criteria ask"] == 1

    def test_an_empty_export_is_a_whole_file(self, target_folder: Path, app: Flask) -> None:
        for format in FORMATS:
            path = target_folder / f"x{FORMATS[format].suffix}"
            assert made(path, format=format).facts.rows_written == 0
            assert ids_in(path, format) == []


def test_urls_final_tells_where_followed_links_ended(target_folder: Path) -> None:
    (twitter_id,) = make_tweets(
        make_twitter_user(),
        ["https://t.co/a https://t.co/b"],
        entities={
            "urls": [
                {
                    "start": 0,
                    "end": 1,
                    "url": f"https://t.co/{n}",
                    "expanded_url": f"https://{n}.example",
                }
                for n in "ab"
            ]
        },
    )
    begin_write()
    item = db.session.query(TwitterUserItem).filter_by(twitter_id=twitter_id).one()
    link = Link(
        url_hash="h", start_url="https://b.example", outcome="ok",
        final_url="https://end.example/", final_status=200,
    )  # fmt: skip
    db.session.add(link)
    db.session.flush()
    db.session.add(
        TwitterUserItemUrl(item_id=item.id, link_id=link.id, expanded_url="https://b.example")
    )
    db.session.commit()
    row = rows_of(made(target_folder / "x.csv", columns=("urls_expanded", "urls_final")).path)[0]
    assert row == {
        "urls_expanded": "https://a.example https://b.example",
        "urls_final": "? https://end.example/",
    }


def test_retweets_and_quotes_come_whole(target_folder: Path) -> None:
    user = make_twitter_user()
    long_text = "a long text that nobody cuts " * 9
    make_tweets(user, [f"RT @{user.name}: a long text that nobody…"],
                referenced_tweets=[{"type": "retweeted", "id": "5", "text": long_text,
                                    "author": {"id": "3", "username": user.name}}])  # fmt: skip
    row = rows_of(made(target_folder / "x.csv", columns=("kind", "text", "retweeted_text")).path)[0]
    assert row["kind"] == "retweet"
    assert row["retweeted_text"].strip() == long_text.strip()
    assert row["text"] == f"RT @{user.name}: {long_text}"


def test_id_companions_cannot_be_taken_for_numbers(target_folder: Path) -> None:
    (twitter_id,) = make_tweets(make_twitter_user(), ["one"])
    row = rows_of(made(target_folder / "x.csv", id_companions=True).path)[0]
    assert row["twitter_id_as_text"] == f"id:{twitter_id}"
    assert list(row)[3:5] == ["twitter_id", "twitter_id_as_text"]


def test_the_package_proves_itself(target_folder: Path) -> None:
    ids = make_tweets(make_twitter_user("City"), ["=1+1", "two"])
    product = made(target_folder / "x.zip", Criteria(sample=1, seed=3), packing="zip")
    with zipfile.ZipFile(product.path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        files = {name.removeprefix("x/"): archive.read(name) for name in names}
    assert sorted(files) == [
        "README.txt", "all-posts.csv", "checksums-sha256.txt", "data-dictionary.csv",
        "export.json",
    ]  # fmt: skip
    for line in files["checksums-sha256.txt"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    account = json.loads(files["export.json"])
    assert account["rows_read"] == len(ids) == account["rows_written"] + 1
    assert account["rows_left_out"] == {"not drawn for the sample": 1}
    assert account["columns"] == NAMES
    readme = files["README.txt"].decode()
    for told in ("Rows read: 2", "Rows written: 1", "The Library", "How to cite", "seed 3"):
        assert told in readme
    dictionary = files["data-dictionary.csv"].decode().splitlines()
    assert [line.split(",")[0] for line in dictionary[1:]] == NAMES


def test_export_json_names_its_posts_in_words_alone(target_folder: Path) -> None:
    make_tweets(make_twitter_user("City"), ["one"])
    title = Message("Posts of @%(name)s", name="City")
    product = made(target_folder / "x.zip", Criteria(title=title), packing="zip")
    with zipfile.ZipFile(product.path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("export.json")]
        account = json.loads(archive.read(name))
    assert account["criteria"]["title"] == "Posts of @City"


def test_a_bag_is_accepted_by_the_bagit_library(target_folder: Path) -> None:
    ids = make_tweets(make_twitter_user(), ["one", "two"])
    folder = made(target_folder / "bag", packing="bag").path
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert bag.info["Source-Organization"] == "The Library"
    payload = sorted(bag.payload_entries())
    assert payload == [
        "data/README.txt", "data/all-posts.csv", "data/data-dictionary.csv", "data/export.json",
        "data/raw/all-posts.jsonl.gz",
    ]  # fmt: skip
    raw = gzip.decompress((folder / "data/raw/all-posts.jsonl.gz").read_bytes())
    assert [int(json.loads(line)["data"]["id"]) for line in raw.splitlines()] == ids
    (folder / "data/all-posts.csv").write_text("changed")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(folder)).validate()


def test_a_zipped_bag_is_one_folder_in_a_zip(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["one"])
    product = made(target_folder / "kept.zip", packing="bag", format="parquet")
    with zipfile.ZipFile(product.path) as archive:
        archive.extractall(target_folder / "out")
    bagit.Bag(str(target_folder / "out" / "kept")).validate()


def test_columns_that_stay_empty_are_told(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["", "two"])
    warnings = made(target_folder / "x.csv").facts.warnings
    assert "The column text is empty in 1 of 2 rows; every post should have it." in warnings
    assert "The column followers_count is empty in all 2 rows." in warnings
    assert not [warning for warning in warnings if "coordinates" in warning or "url2" in warning]


def test_gzip_in_gzip_is_refused() -> None:
    with pytest.raises(WrongInput, match="compressed already"):
        made(Path("never"), format="xlsx", packing="gzip")


def test_gzipped_csv(target_folder: Path) -> None:
    make_tweets(make_twitter_user(), ["one", "two"])
    path = made(target_folder / "x.csv.gz", packing="gzip").path
    assert [row["text"] for row in rows_of(path)] == ["one", "two"]
