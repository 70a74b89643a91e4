"""Polls, articles and the media of posts that others pass on: given where they are asked for."""

from __future__ import annotations

from sfm.networks.record import Post
from sfm.sandbox.server import Sandbox
from sfm.twitter.auth import BearerAuth
from sfm.twitter.client import Client
from sfm.twitter.fields import Dialect
from tests.twitter.fake import transport_to


def timeline(x: Sandbox, name: str, dialect: Dialect = "tweet") -> tuple[Post, ...]:
    client = Client(transport_to(x.url, BearerAuth(x.bearer_token)), dialect=dialect)
    return next(client.timeline(x.world.find(name).uid)).posts


def test_an_article_comes_with_its_pictures(x: Sandbox) -> None:
    in_tweet_words = [post for post in timeline(x, "drada_mensah") if post.article_text]
    in_post_words = [post for post in timeline(x, "drada_mensah", "post") if post.article_text]
    assert in_tweet_words
    for one, other in zip(in_tweet_words, in_post_words, strict=True):
        assert one.article_title == other.article_title != ""
        assert (len(one.media), len(other.media)) == (2, 2)


def test_a_poll_comes_with_its_votes(x: Sandbox) -> None:
    polls = [poll for post in timeline(x, "PollsterPip") for poll in post.polls]
    assert polls
    assert all(option.votes is not None for poll in polls for option in poll.options)


def test_pictures_come_with_the_posts_that_pass_them_on_or_quote_them(x: Sandbox) -> None:
    posts = map(x.world.post, x.world.visible(x.world.find("OwlTelescope")))
    picture = next(post for post in posts if post and post.media and not post.references)
    keeper = x.world.find("millbrook_lib")
    x.world.retweet(keeper, picture.id)
    x.world.add_post(keeper, "How lovely", quote_of=picture.id)
    quote, retweet = timeline(x, "millbrook_lib")[:2]
    assert retweet.has_media
    assert len(retweet.media) == len(quote.quoted_media) == len(picture.media)
