"""A server that knows one of X's two vocabularies only, and not the one that was asked in."""

from __future__ import annotations

import pytest

from sfm.networks.errors import BadRequest
from sfm.twitter.client import Client
from sfm.twitter.fields import Dialect
from sfm.twitter.stream_client import StreamClient
from tests.twitter.fake import Answer, Asked, Fake, answer, transport_to
from tests.twitter.tweets import in_post_words, v2_post, v2_user

UNKNOWN = "invalid value 'edit_history_tweet_ids' at index 3: value must be one of: [author_id]"


def refusal(parameter: str) -> bytes:
    body = {
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
        "errors": [{"parameters": {parameter: ["x"]}, "message": UNKNOWN}],
    }
    return answer(400, body)


def knows_post_words_only(asked: Asked) -> Answer:
    if "tweet.fields" in asked.query:
        return refusal("tweet.fields")
    if "usernames" in asked.query:
        good = "pinned_tweet_id" not in asked.query["user.fields"]
        return answer(200, {"data": [v2_user()]}) if good else refusal("user.fields")
    token = {"next_token": "t1"} if "pagination_token" not in asked.query else {}
    page = {"data": [v2_post(9 if token else 8)], "meta": {"result_count": 1} | token}
    return answer(200, in_post_words(page))


def test_a_timeline_is_read_in_the_other_words_and_the_setting_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Fake(route=knows_post_words_only) as fake:
        client = Client(transport_to(fake.root))
        pages = list(client.timeline(101))
        assert [post.twitter_id for page in pages for post in page.posts] == [9, 8]
        assert len(fake.asked) == 3  # the first page twice, and the second in the right words
    assert caplog.text.count('TWITTER_DIALECT = "post"') == 1


def test_names_are_looked_up_in_the_other_words() -> None:
    with Fake(route=knows_post_words_only) as fake:
        assert Client(transport_to(fake.root)).account_by_name("ann_x").uid == 101


@pytest.mark.parametrize("dialect", ["tweet", "post"])
def test_where_neither_is_taken_the_sentence_names_the_setting(dialect: Dialect) -> None:
    with Fake([refusal("expansions")]) as fake:
        client = Client(transport_to(fake.root), dialect=dialect)
        with pytest.raises(BadRequest, match="TWITTER_DIALECT") as raised:
            list(client.timeline(101))
        assert client.dialect == dialect
    assert UNKNOWN in raised.value.detail


def test_another_refusal_is_not_asked_again() -> None:
    with Fake([refusal("since_id")]) as fake, pytest.raises(BadRequest, match="invalid value"):
        list(Client(transport_to(fake.root)).timeline(101))
    assert len(fake.asked) == 1


def test_a_stream_connects_in_the_other_words() -> None:
    line = b'{"data":{"id":"1","text":"x"}}\r\n'
    with Fake([refusal("tweet.fields"), answer(200, line)]) as fake:
        events = list(StreamClient(transport_to(fake.root)).filter_stream())
    assert len(events) == 2
    assert "post.fields" in fake.asked[1].query
