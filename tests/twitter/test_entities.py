"""The text of one tweet, cut for linking, and the tweets it refers to."""

import pytest

from sfm.twitter.parse.entities import Segment, entities, referenced
from tests.twitter.tweets import (
    as_line,
    in_post_words,
    v1_rich,
    v1_tweet,
    v2_includes,
    v2_long,
    v2_post,
    v2_record,
    v2_retweet,
)


def cut(payload):
    return list(entities(as_line(payload)).segments)


def kinds(payload):
    return [(segment.kind, segment.text) for segment in cut(payload)]


@pytest.mark.parametrize("words", [lambda payload: payload, in_post_words])
def test_a_long_post_is_cut_by_the_entities_of_its_whole_text(words):
    assert cut(words(v2_record())) == [
        Segment("plain", "Long note & all "),
        Segment("hashtag", "#Flood", name="Flood"),
        Segment("plain", " "),
        Segment("url", "example.org/a", url="https://t.co/aaa",
                expanded_url="https://example.org/a"),
        Segment("plain", " for "),
        Segment("mention", "@bob_x", name="bob_x"),
        Segment("plain", " "),
        Segment("cashtag", "$CASH", name="CASH"),
        Segment("plain", " "),
        Segment("media", "pic.x.com/pic", url="https://t.co/pic",
                expanded_url="https://x.com/ann_x/status/1900000000000000001/video/1"),
        Segment("plain", " and on and on"),
    ]  # fmt: skip


def test_a_retweet_opens_with_its_author_and_shows_the_original():
    assert kinds(v2_retweet())[:5] == [
        ("plain", "RT "), ("mention", "@ann_x"), ("plain", ": "),
        ("plain", "Long note & all "), ("hashtag", "#Flood"),
    ]  # fmt: skip


def test_an_old_retweet_is_cut_the_same_way():
    assert kinds(v1_rich()) == [
        ("plain", "RT "), ("mention", "@Bob_X"), ("plain", ": "), ("plain", "Long & full "),
        ("hashtag", "#Flood"), ("plain", " "), ("url", "example.org/a"), ("plain", " for "),
        ("mention", "@bob_x"), ("plain", " "), ("cashtag", "$CASH"), ("plain", " "),
        ("media", "pic.twitter.com/pic"),
    ]  # fmt: skip


def tagged(text, start, end, tag="b"):
    return v2_post(text=text, entities={"hashtags": [{"start": start, "end": end, "tag": tag}]})


def test_offsets_count_escapes_and_emoji_as_twitter_does():
    assert kinds({"data": tagged("&lt;😀&gt; #b!", 10, 12)}) == [
        ("plain", "<😀> "), ("hashtag", "#b"), ("plain", "!"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "offsets", [(11, 13), (0, 2), (-5, 99), (5, 3), (None, None), (10**9, 10**10)]
)
def test_offsets_that_do_not_fit_are_not_trusted(offsets):
    assert kinds({"data": tagged("&lt;😀&gt; #b!", *offsets)})[1] == ("hashtag", "#b")


def test_an_entity_that_is_nowhere_leaves_the_text_plain():
    assert kinds({"data": tagged("nothing here", 0, 2)}) == [("plain", "nothing here")]


def test_capitals_and_the_wide_sign_are_kept_as_written():
    assert kinds({"data": tagged("＃BÉ x", 0, 3, "bé")})[0] == ("hashtag", "＃BÉ")


def test_the_same_tag_twice_is_found_twice():
    tags = [{"start": 90, "end": 92, "tag": "b"}, {"start": 95, "end": 97, "tag": "b"}]
    post = v2_post(text="#b and #b", entities={"hashtags": tags})
    assert [kind for kind, _text in kinds({"data": post})] == ["hashtag", "plain", "hashtag"]


def test_overlapping_entities_do_not_repeat_text():
    mention = {"start": 0, "end": 2, "username": "b"}
    post = v2_post(
        text="@b#c",
        entities={
            "mentions": [mention, mention],
            "hashtags": [{"start": 1, "end": 4, "tag": "b#c"}, {"start": 2, "end": 4, "tag": "c"}],
        },
    )
    assert kinds({"data": post}) == [("mention", "@b"), ("hashtag", "#c")]


def test_nothing_is_html_here():
    post = v2_post(text="&lt;script&gt;alert(1)&lt;/script&gt;")
    assert kinds({"data": post}) == [("plain", "<script>alert(1)</script>")]


def test_an_empty_text_has_no_pieces():
    assert cut({"data": v2_post(text="")}) == []


def test_references_bring_what_came_along():
    (ref,) = referenced(as_line(v2_retweet()))
    assert (ref.kind, ref.twitter_id) == ("retweeted", 1900000000000000001)
    assert ref.tweet.screen_name == "ann_x"
    assert len(ref.tweet.media) == 1


def test_references_that_did_not_come_are_named():
    refs = [
        {"type": "quoted", "id": "7"},
        {"type": "replied_to", "id": "8"},
        {"type": "new", "id": "9"},
    ]
    found = referenced(as_line({"data": v2_post(referenced_tweets=refs)}))
    assert [(ref.kind, ref.twitter_id, ref.tweet) for ref in found] == [
        ("quoted", 7, None), ("replied_to", 8, None),
    ]  # fmt: skip


def test_a_quote_inside_a_retweet_is_found():
    quoting = v2_post(6, referenced_tweets=[{"type": "quoted", "id": "1900000000000000001"}])
    retweet = v2_post(7, referenced_tweets=[{"type": "retweeted", "id": "6"}])
    includes = v2_includes() | {"tweets": [quoting, v2_long()]}
    found = referenced(as_line({"data": retweet, "includes": includes}))
    assert [ref.kind for ref in found] == ["retweeted", "quoted"]
    assert found[1].tweet.screen_name == "ann_x"


def test_old_references():
    found = referenced(as_line(v1_rich()))
    assert [(ref.kind, ref.twitter_id) for ref in found] == [
        ("retweeted", 1050118621198921700), ("quoted", 77),
    ]  # fmt: skip
    assert found[1].tweet.text == "Quoted words"
    reply = v1_tweet(in_reply_to_status_id=5, in_reply_to_status_id_str="5")
    assert [(ref.kind, ref.twitter_id) for ref in referenced(as_line(reply))] == [("replied_to", 5)]
