"""Everything that public projects have recorded of Twitter can be read. Skipped without it."""

import json

import pytest

from sfm.twitter.parse.entities import entities, referenced
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.tweet import parse_line, parse_user

pytestmark = pytest.mark.slow


def lines(folder, name):
    return (folder / name).read_bytes().splitlines()


@pytest.mark.parametrize(
    ("name", "count"),
    [("v1_tweets.jsonl", 1650), ("v1_resightings.jsonl", 60), ("v1_rounded_ids.jsonl", 25)],
)
def test_every_old_tweet_comes_in_under_its_true_id(shared_data, name, count):
    read = 0
    for line in lines(shared_data, name):
        payload = json.loads(line)
        tweet = parse_line(line)
        assert tweet.twitter_id == int(payload.get("id_str") or payload["id"])
        assert tweet.created_at is not None
        assert tweet.author_uid is not None
        read += 1
    assert read == count


def test_rounded_ids_are_really_rounded(shared_data):
    for line in lines(shared_data, "v1_rounded_ids.jsonl"):
        assert parse_line(line).twitter_id != json.loads(line)["id"]


def posts_in(page):
    data = page.get("data") or []
    data = data if isinstance(data, list) else [data]
    return [post for post in data if isinstance(post, dict) and "text" in post and "id" in post]


def test_every_post_of_every_page_comes_in(shared_data):
    found = 0
    for line in lines(shared_data, "v2_pages.jsonl"):
        payload, page = json.loads(line), split_page(line)
        expected = posts_in(payload)
        assert [record.post.twitter_id for record in page.records] == [
            int(post["id"]) for post in expected
        ]
        for record, post in zip(page.records, expected, strict=True):
            assert json.loads(record.raw)["data"] == post
            assert parse_line(record.raw) == record.post
        found += len(expected)
    assert found > 1300


def test_nothing_included_is_lost_from_pages_of_posts(shared_data):
    for line in lines(shared_data, "v2_pages.jsonl"):
        payload, page = json.loads(line), split_page(line)
        if not page.records or page.refused:
            continue
        kept = [json.loads(record.raw).get("includes", {}) for record in page.records]
        stray = [json.loads(raw) for raw in page.unclaimed]
        for kind, items in payload.get("includes", {}).items():
            for item in items:
                assert item in stray or any(item in one.get(kind, []) for one in kept)


def test_every_tweet_can_be_shown(shared_data):
    raws = lines(shared_data, "v1_tweets.jsonl")
    for line in lines(shared_data, "v2_pages.jsonl"):
        raws += [record.raw for record in split_page(line).records]
    for raw in raws:
        pieces = entities(raw).segments
        links = [piece for piece in pieces if piece.kind in ("url", "media")]
        whole = "".join(piece.url if piece in links else piece.text for piece in pieces)
        tweet = parse_line(raw)
        assert whole == tweet.text or "withheld" in tweet.text
        assert all(ref.twitter_id for ref in referenced(raw))


def test_every_account_comes_in(shared_data):
    for line in lines(shared_data, "v1_users.jsonl"):
        payload = json.loads(line)
        user = parse_user(line)
        assert (str(user.uid), user.name) == (payload["id_str"], payload["screen_name"])
