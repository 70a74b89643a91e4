"""The 20 classic columns, in the order that readers of old exports know."""

from __future__ import annotations

from collections.abc import Callable

from sfm.exports.columns.column import Cell, Column, column, items
from sfm.messages import Message


def _day(moment: str | None) -> Cell:
    return f"{moment[5:7]}/{moment[8:10]}/{moment[:4]}" if moment else None


def _twitter_url(screen_name: str | None, twitter_id: str) -> Cell:
    return f"https://x.com/{screen_name or 'i'}/status/{twitter_id}"


def _mentions(mentions: str) -> Cell:
    return [f"@{name}" for name in items(mentions)]


def _coordinates(longitude: float | None, latitude: float | None) -> Cell:
    if longitude is None or latitude is None:
        return None
    return f"[{longitude}, {latitude}]"


def _url(position: int, part: int) -> Callable[[str], Cell]:
    def value(text: str) -> Cell:
        if text == "[]":  # of two posts in three
            return None
        urls = items(text)
        return (urls[position][part] or None) if len(urls) > position else None

    return value


CLASSIC: tuple[Column, ...] = (
    column(
        "sfm_id",
        "integer",
        Message("Number here"),
        Message(
            "The number of the post in this installation. Empty for posts read from stream files."
        ),
        field="id",
    ),
    column(
        "created_at",
        "moment",
        Message("Published"),
        Message("When the post was published, to the second."),
        field="date_published",
        always=True,
    ),
    column(
        "created_at_date",
        "day",
        Message("Day published"),
        Message("The UTC day of created_at."),
        each=_day,
        needs=("date_published",),
        suspect_after=1,
    ),
    column(
        "twitter_id",
        "id",
        Message("Post id"),
        Message(
            "Twitter's own number of the post. Keep it as text: as a number, spreadsheets round it."
        ),
        suspect_after=1,
    ),
    column(
        "screen_name",
        "text",
        Message("Account name"),
        Message("The name of the author's account, without @, as of the moment of collection."),
        always=True,
    ),
    column(
        "followers_count",
        "integer",
        Message("Followers"),
        Message("How many accounts followed the author at the moment of collection."),
        suspect_after=1,
    ),
    column(
        "friends_count",
        "integer",
        Message("Following"),
        Message("How many accounts the author followed at the moment of collection."),
        suspect_after=1,
    ),
    column(
        "retweet_count",
        "integer",
        Message("Retweets"),
        Message(
            "How often the post had been retweeted at the moment of collection. Of a retweet, "
            "Twitter gives the count of the original."
        ),
        suspect_after=1,
    ),
    column(
        "hashtags",
        "list",
        Message("Hashtags"),
        Message("The hashtags of the post without #; of a retweet, those of the original."),
        suspect_after=1000,
    ),
    column(
        "in_reply_to_screen_name",
        "text",
        Message("In reply to account"),
        Message("The name of the account that the post answers."),
    ),
    column(
        "mentions",
        "list",
        Message("Mentions"),
        Message("The accounts named in the post, each with @."),
        each=_mentions,
        suspect_after=1000,
    ),
    column(
        "twitter_url",
        "text",
        Message("Address"),
        Message("The address of the post on the platform."),
        each=_twitter_url,
        needs=("screen_name", "twitter_id"),
        suspect_after=1,
    ),
    column(
        "is_retweet_strict",
        "boolean",
        Message("Retweet (strict)"),
        Message("Whether the platform itself says that this is a retweet."),
        suspect_after=1,
    ),
    column(
        "is_retweet",
        "boolean",
        Message("Retweet (by text too)"),
        Message(
            "As is_retweet_strict, or the text begins with “RT ” or holds “ RT ” other than in "
            "“please RT”, “pls RT” or “plz RT”: people retweeted by hand before the platform knew "
            "retweets."
        ),
        suspect_after=1,
    ),
    column(
        "coordinates",
        "text",
        Message("Coordinates"),
        Message("Where the post was sent from, as [longitude, latitude]. Few posts say so."),
        each=_coordinates,
        needs=("longitude", "latitude"),
    ),
    column(
        "text",
        "text",
        Message("Text"),
        Message(
            "The whole text as a reader saw it; of a retweet “RT @name: ” and the original's "
            "whole text. On one line, unless line breaks were asked for."
        ),
        field="item_text",
        always=True,
    ),
    column(
        "url1",
        "text",
        Message("Link 1"),
        Message("The first link as written in the post."),
        each=_url(0, 0),
        needs=("urls",),
        suspect_after=1000,
    ),
    column(
        "url1_expanded",
        "text",
        Message("Link 1 expanded"),
        Message("Where the platform says the first link leads."),
        each=_url(0, 1),
        needs=("urls",),
        suspect_after=1000,
    ),
    column(
        "url2",
        "text",
        Message("Link 2"),
        Message("The second link as written in the post."),
        each=_url(1, 0),
        needs=("urls",),
    ),
    column(
        "url2_expanded",
        "text",
        Message("Link 2 expanded"),
        Message("Where the platform says the second link leads."),
        each=_url(1, 1),
        needs=("urls",),
    ),
)
