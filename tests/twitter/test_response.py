"""Response pages become self-contained records, and nothing of them is lost."""

import json

import pytest

from sfm.networks.record import Unreadable
from sfm.twitter.parse import raw_json
from sfm.twitter.parse.response import split_page, split_users
from sfm.twitter.parse.tweet import parse_line
from tests.twitter.tweets import (
    as_line,
    in_post_words,
    v1_tweet,
    v2_includes,
    v2_long,
    v2_post,
    v2_retweet,
    v2_user,
)


def page_of(*posts, includes=None, **more):
    return {"data": list(posts), "includes": includes or {}, "meta": {"result_count": 1}, **more}


def two_posts():
    retweet = v2_retweet()
    plain = v2_post(1900000000000000009, author_id="105")
    includes = retweet["includes"] | {
        "users": [*retweet["includes"]["users"], v2_user(105, "eve_x")]
    }
    return page_of(retweet["data"], plain, includes=includes)


def included(raw):
    return {
        kind: [item.get("id") or item["media_key"] for item in items]
        for kind, items in json.loads(raw).get("includes", {}).items()
    }


def test_each_post_takes_only_what_is_its_own():
    page = split_page(as_line(two_posts()))
    retweet, plain = page.records
    assert included(retweet.raw) == {
        "users": ["101", "102"],
        "media": ["7_1"],
        "places": ["abc1"],
        "polls": ["55"],
        "tweets": ["1900000000000000001"],
    }
    assert included(plain.raw) == {"users": ["105"]}
    assert page.unclaimed == ()


def test_a_post_without_includes_is_wrapped_alone():
    post = v2_post()
    (record,) = split_page(as_line({"data": [post]})).records
    assert json.loads(record.raw) == {"data": post}


@pytest.mark.parametrize("words", [lambda payload: payload, in_post_words])
def test_a_record_reads_as_its_page_did(words):
    for record in split_page(as_line(words(two_posts()))).records:
        assert parse_line(record.raw) == record.post
        assert record.post.screen_name


def test_every_part_keeps_its_bytes():
    odd = (
        b'{ "id" : "5","text":"caf\\u00e9 \\/ \\ud83d", "author_id":"101" ,"new_field":[1.50,1e2]}'
    )
    user = b'{"id":"101" , "username":"ann_x","name":"\\ud83d\\ude00 \\udc00"}'
    body = b'{"data" : [' + odd + b'], "includes":{ "users" : [' + user + b'] },"meta":{}}'
    (record,) = split_page(body).records
    assert record.raw == b'{"data":' + odd + b',"includes":{"users":[' + user + b"]}}"
    assert record.post.text == "café / \ufffd"
    assert record.post.author_name == "\U0001f600 \ufffd"


def test_ordinary_answers_are_cut_the_fast_way():
    for body in (two_posts(), {"data": v2_post()}, {"meta": {"result_count": 0}}):
        line = as_line(body)
        assert raw_json._fast(line) == raw_json._slowly(line.decode())


def test_the_patient_way_cuts_as_the_fast_way_does():
    fast = as_line(two_posts())
    slow = fast[:-1] + b', "odd": "\\ud83d"}'
    assert split_page(slow) == split_page(fast)


def test_a_quote_passed_on_by_a_retweet_comes_along():
    quoted = v2_post(3, "Quoted words", author_id="105")
    original = v2_post(2, "See this", referenced_tweets=[{"type": "quoted", "id": "3"}])
    retweet = v2_post(4, "RT @ann_x: See", author_id="102",
                      referenced_tweets=[{"type": "retweeted", "id": "2"}])  # fmt: skip
    users = [v2_user(), v2_user(102, "bob_x"), v2_user(105, "eve_x")]
    body = page_of(retweet, includes={"users": users, "tweets": [quoted, original]})
    (record,) = split_page(as_line(body)).records
    assert included(record.raw) == {"users": ["101", "102", "105"], "tweets": ["3", "2"]}
    assert record.post.quoted_text == "Quoted words"


def test_mentioned_accounts_come_along_by_name():
    mention = {"start": 0, "end": 6, "username": "Bob_X"}
    body = page_of(v2_post(entities={"mentions": [mention]}), includes=v2_includes())
    (record,) = split_page(as_line(body)).records
    assert included(record.raw)["users"] == ["101", "102"]


def test_kinds_of_includes_that_we_do_not_know_come_along_too():
    body = page_of(v2_post(community_id="33"), includes={"communities": [{"id": "33", "x": 1}]})
    (record,) = split_page(as_line(body)).records
    assert included(record.raw) == {"communities": ["33"]}


def test_the_root_of_a_conversation_is_not_everybodys():
    root = v2_post(1, "root")
    first = v2_post(2, conversation_id="1", referenced_tweets=[{"type": "replied_to", "id": "1"}])
    second = v2_post(3, conversation_id="1", referenced_tweets=[{"type": "replied_to", "id": "2"}])
    body = page_of(first, second, includes={"tweets": [root]})
    one, two = split_page(as_line(body)).records
    assert included(one.raw) == {"tweets": ["1"]}
    assert included(two.raw) == {}


def test_an_expanded_edit_history_does_not_hold_the_post_twice():
    now = v2_post(12, edit_history_tweet_ids=["11", "12"])
    body = page_of(now, includes={"tweets": [v2_post(11), v2_post(12)]})
    page = split_page(as_line(body))
    assert included(page.records[0].raw) == {"tweets": ["11"]}
    assert page.records[0].post.edit_history_ids == (11, 12)
    assert page.unclaimed == ()


def test_what_nobody_points_to_is_kept_apart():
    stray = v2_user(777, "stray_x")
    page = split_page(as_line(page_of(v2_post(), includes={"users": [stray]})))
    assert [json.loads(raw) for raw in page.unclaimed] == [stray]


def test_partial_errors_and_meta_are_read():
    error = {"value": "9", "resource_id": "9", "resource_type": "tweet", "parameter": "ids",
             "title": "Not Found Error", "type": "https://x.co/resource-not-found"}  # fmt: skip
    meta = {"result_count": 1, "newest_id": "7", "oldest_id": "5", "next_token": "abc"}
    page = split_page(as_line(page_of(v2_post(), errors=[error], meta=meta)))
    assert [(problem.value, problem.kind, problem.state) for problem in page.problems] == [
        ("9", "resource-not-found", "not_found")
    ]
    assert (page.meta.newest_id, page.meta.oldest_id) == (7, 5)
    assert (page.meta.next_token, page.meta.previous_token) == ("abc", None)


def test_one_bad_element_is_refused_and_the_rest_goes_on():
    body = page_of(v2_post(2**63), v2_user(), v2_post(5), None, 7)
    page = split_page(as_line(body))
    assert [record.post.twitter_id for record in page.records] == [5]
    assert [refused.reason for refused in page.refused] == [
        "id_too_large", "not_a_post", "not_a_post", "not_a_post",
    ]  # fmt: skip


@pytest.mark.parametrize("includes", [{"users": None}, {"users": [None, 5]}, [], "x", None])
def test_broken_includes_cost_only_themselves(includes):
    page = split_page(as_line({"data": [v2_post()], "includes": includes}))
    assert page.records[0].post.text == "Hello"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ([v1_tweet(1), v1_tweet(2)], 2),
        ({"statuses": [v1_tweet(1)], "search_metadata": {}}, 1),
        (v1_tweet(1), 1),
        (v2_retweet(), 1),
        ({"data": v2_long()}, 1),
        ({"data": []}, 0),
        ({"meta": {"result_count": 0}}, 0),
        ({"errors": [{"title": "x"}]}, 0),
        ([], 0),
    ],
)
def test_whatever_holds_tweets_can_be_split(body, count):
    assert len(split_page(as_line(body)).records) == count


def test_a_single_record_keeps_its_bytes():
    line = as_line(v2_retweet())
    assert split_page(line + b"\r\n").records[0].raw == line


def test_old_tweets_keep_their_bytes():
    first, second = as_line(v1_tweet(1)), as_line(v1_tweet(2, "\u2028"))
    page = split_page(b"[" + first + b" ,\n " + second + b"]")
    assert [record.raw for record in page.records] == [first, second]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"data":[{"id":"1"', b'{"data":[]} x', b"{,}", b"17"]
)
def test_what_is_not_json_is_refused(body):
    with pytest.raises(Unreadable):
        split_page(body)


@pytest.mark.parametrize(
    "cut", [b'{"a":"\\ud83d","b" 1}', b'{"a":"\\ud83d" "b":1}', b'["\\ud83d" 2]']
)
def test_the_patient_way_refuses_broken_json_too(cut):
    with pytest.raises(Unreadable) as why:
        split_page(cut)
    assert why.value.reason == "not_json"


def test_accounts_of_a_lookup_are_found_with_their_problems():
    error = {"value": "gone_x", "title": "Not Found Error", "parameter": "usernames"}
    page = split_users(as_line({"data": [v2_user(), {"id": "x"}], "errors": [error]}))
    assert [user.name for user in page.users] == ["ann_x"]
    assert [problem.value for problem in page.problems] == ["gone_x"]
    assert split_users(as_line({"errors": [error]})).users == ()
