"""The columns beyond the classic ones: counts, whole texts of others, media, links, provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sfm.exports.columns.column import Cell, Column, column, items


def _retweeted_text(tweet: Any) -> Cell:
    if not tweet.is_retweet_strict:
        return None
    _prefix, found, text = tweet.item_text.partition(": ")
    return text if found else None


def _urls(part: int) -> Callable[[Any], Cell]:
    return lambda tweet: [link[part] or link[0] for link in items(tweet.urls)]


def _final_urls(part: int) -> Callable[[Any], Cell]:
    return lambda tweet: [final[part] for final in tweet.final_urls]


def _media(key: str) -> Callable[[Any], Cell]:
    return lambda tweet: [item.get(key) or "" for item in items(tweet.media)]


_COUNTS = (
    column("kind", "text", "Kind", "post, retweet, reply or quote.", suspect_after=1),
    column(
        "lang", "text", "Language", "The language as the platform guessed it.", suspect_after=100
    ),
    column(
        "like_count", "integer", "Likes", "Likes at the moment of collection.", suspect_after=100
    ),
    column(
        "reply_count",
        "integer",
        "Replies",
        "Replies at the moment of collection; v1.1 of the platform did not say it.",
    ),
    column(
        "quote_count",
        "integer",
        "Quotes",
        "Quotes at the moment of collection; v1.1 of the platform did not say it.",
    ),
    column(
        "bookmark_count",
        "integer",
        "Bookmarks",
        "Bookmarks at the moment of collection; said since 2022.",
    ),
    column(
        "impression_count",
        "integer",
        "Views",
        "Views at the moment of collection; counted since December 2022, 0 for retweets.",
    ),
)

_AUTHOR = (
    column(
        "author_id",
        "id",
        "Account id",
        "Twitter's number of the author, which never changes; names do.",
        field="author_uid",
        suspect_after=1,
    ),
    column("author_name", "text", "Author", "The display name of the author.", suspect_after=100),
    column(
        "author_description",
        "text",
        "Account description",
        "How the author described the account at the moment of collection.",
        suspect_after=100,
    ),
    column(
        "author_location",
        "text",
        "Account location",
        "Where the author says to be, in the author's own words.",
    ),
    column(
        "author_verified",
        "boolean",
        "Verified",
        "Whether the account carried the platform's mark; since 2023 mostly a sign of payment.",
    ),
    column("author_created_at", "moment", "Account made", "When the account was made."),
    column(
        "statuses_count",
        "integer",
        "Tweets of the account",
        "How many tweets the author had published at the moment of collection.",
    ),
    column(
        "listed_count",
        "integer",
        "Lists",
        "On how many lists the author stood at the moment of collection.",
    ),
)

_OTHERS = (
    column(
        "in_reply_to_id", "id", "In reply to tweet", "The id of the tweet that this one answers."
    ),
    column(
        "in_reply_to_uid",
        "id",
        "In reply to account id",
        "The number of the account that this tweet answers.",
    ),
    column(
        "conversation_id",
        "id",
        "Conversation",
        "The id of the tweet that the conversation began with; v1.1 of the platform did not say "
        "it.",
    ),
    column("retweeted_id", "id", "Retweeted tweet", "The id of the tweet that was retweeted."),
    column(
        "retweeted_screen_name",
        "text",
        "Retweeted account",
        "The name of the account whose tweet was retweeted.",
    ),
    column(
        "retweeted_text",
        "text",
        "Retweeted text",
        "The whole text of the tweet that was retweeted.",
        value=_retweeted_text,
        needs=("is_retweet_strict", "item_text"),
    ),
    column("quoted_id", "id", "Quoted tweet", "The id of the tweet that is quoted."),
    column(
        "quoted_screen_name",
        "text",
        "Quoted account",
        "The name of the account whose tweet is quoted, where the platform passed it along.",
    ),
    column(
        "quoted_text",
        "text",
        "Quoted text",
        "The whole text of the quoted tweet, where the platform passed it along.",
    ),
    column(
        "text_is_cut",
        "boolean",
        "Text is cut",
        "True where the platform passed on only the beginning of the text.",
    ),
)

_CONTENT = (
    column(
        "urls",
        "list",
        "Links",
        "All links as written in the tweet.",
        value=_urls(0),
        separator=" ",
    ),
    column(
        "urls_expanded",
        "list",
        "Links expanded",
        "Where the platform says each link leads, in the order of urls.",
        value=_urls(1),
        needs=("urls",),
        separator=" ",
    ),
    column(
        "urls_final",
        "list",
        "Links followed",
        "Where each link was found to end when it was followed from here, in the order of urls: "
        "by the last look that led to a page, else by the last that was answered; “?” for a link "
        "that was not followed or never answered.",
        value=_final_urls(0),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "urls_final_at",
        "list",
        "Links followed at",
        "When each link was found to end there, in UTC, in the order of urls; “?” as there.",
        value=_final_urls(1),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "urls_outcome",
        "list",
        "Outcome of links",
        "What the latest look at each link came to, in the order of urls: ok, gone, refused, "
        "server_error, timeout, dns, connection, tls, too_many_redirects, not_public, invalid, "
        "too_large or bad_answer; “?” for a link that was not followed.",
        value=_final_urls(2),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "media_types",
        "list",
        "Media",
        "photo, video or animated_gif, one for each.",
        value=_media("type"),
        needs=("media",),
    ),
    column(
        "media_urls",
        "list",
        "Media addresses",
        "The address of each picture or film.",
        value=_media("url"),
        needs=("media",),
        separator=" ",
    ),
    column(
        "media_descriptions",
        "list",
        "Media descriptions",
        "What the author wrote to describe each picture to those who cannot see it.",
        value=_media("alt_text"),
        needs=("media",),
        separator=" | ",
    ),
    column("longitude", "number", "Longitude", "Degrees east of Greenwich, of the tweet itself."),
    column("latitude", "number", "Latitude", "Degrees north of the equator, of the tweet itself."),
    column("place", "text", "Place", "The place that the author attached to the tweet."),
    column("place_country", "text", "Country", "The country of that place, as two letters."),
    column(
        "source",
        "text",
        "Sent with",
        "The program the tweet was sent with; the platform stopped saying so in December 2022.",
    ),
    column(
        "possibly_sensitive",
        "boolean",
        "Possibly sensitive",
        "Whether the platform marks the tweet's links or media as possibly sensitive.",
    ),
    column(
        "withheld_in",
        "text",
        "Withheld in",
        "Where the platform does not show it: country codes with commas between them, XX for "
        "everywhere, XY for a copyright claim.",
    ),
    column(
        "edit_history",
        "list",
        "Edits",
        "The ids of all versions of the tweet, oldest first.",
        separator=" ",
    ),
)

_CAPTURE = (
    column(
        "captured_at", "moment", "Collected", "When the tweet was collected here.", suspect_after=1
    ),
    column(
        "captured_by",
        "text",
        "Collected by",
        "How it was collected: timeline, stream, search, lookup, or import from a file.",
        suspect_after=1,
    ),
    column("run_id", "integer", "Run", "The number of the run that collected it."),
)

EXTENDED: tuple[Column, ...] = (*_COUNTS, *_AUTHOR, *_OTHERS, *_CONTENT, *_CAPTURE)
