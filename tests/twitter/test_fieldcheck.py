"""A field that is silently no longer given is noticed."""

from sfm.twitter.client import Client
from sfm.twitter.fieldcheck import missing_fields
from tests.twitter.fake import Fake, answer, transport_to
from tests.twitter.tweets import in_post_words, v1_tweet, v2_post, v2_user


def look(body):
    with Fake([answer(200, body)]) as fake:
        return missing_fields(Client(transport_to(fake.root)), 7)


def whole():
    post = v2_post(7, "Begins…", note_tweet={"text": "long " * 100})
    return {"data": [post], "includes": {"users": [v2_user()]}}


def test_nothing_is_missing_from_a_whole_post_in_either_vocabulary():
    assert look(whole()) == ()
    assert look(in_post_words(whole())) == ()


def test_what_a_wrong_word_leaves_out_is_named():
    body = whole()
    del body["data"][0]["note_tweet"], body["data"][0]["author_id"], body["includes"]
    assert look(body) == ("author_id", "author", "note_tweet")


def test_a_post_that_is_not_there_is_said_to_be_missing():
    assert look({"errors": [{"value": "7", "title": "Not Found Error", "parameter": "ids"}]}) == (
        "post",
    )
    assert look([v1_tweet(7)]) == ("post",)
