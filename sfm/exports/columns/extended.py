"""The columns beyond the classic ones: counts, whole texts of others, media, links, provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sfm.exports.columns.attached import ATTACHED
from sfm.exports.columns.column import Cell, Column, column, each_of, items
from sfm.messages import Message


def _retweeted_text(post: Any) -> Cell:
    if not post.is_retweet_strict:
        return None
    _prefix, colon, text = post.item_text.partition(": ")
    return text if colon else None


def _urls(part: int) -> Callable[[Any], Cell]:
    return lambda post: [link[part] or link[0] for link in items(post.urls)]


def _final_urls(part: int) -> Callable[[Any], Cell]:
    return lambda post: [final[part] for final in post.final_urls]


_COUNTS = (
    column(
        "kind", "text", Message("Kind"), Message("post, retweet, reply or quote."), suspect_after=1
    ),
    column(
        "lang",
        "text",
        Message("Language"),
        Message("The language as the platform guessed it."),
        suspect_after=100,
    ),
    column(
        "like_count",
        "integer",
        Message("Likes"),
        Message("Likes at the moment of collection."),
        suspect_after=100,
    ),
    column(
        "reply_count",
        "integer",
        Message("Replies"),
        Message("Replies at the moment of collection; v1.1 of the platform did not say it."),
    ),
    column(
        "quote_count",
        "integer",
        Message("Quotes"),
        Message("Quotes at the moment of collection; v1.1 of the platform did not say it."),
    ),
    column(
        "bookmark_count",
        "integer",
        Message("Bookmarks"),
        Message("Bookmarks at the moment of collection; said since 2022."),
    ),
    column(
        "impression_count",
        "integer",
        Message("Views"),
        Message("Views at the moment of collection; counted since December 2022, 0 for retweets."),
    ),
)

_AUTHOR = (
    column(
        "author_id",
        "id",
        Message("Account id"),
        Message("Twitter's number of the author, which never changes; names do."),
        field="author_uid",
        suspect_after=1,
    ),
    column(
        "author_name",
        "text",
        Message("Author"),
        Message("The display name of the author."),
        suspect_after=100,
    ),
    column(
        "author_description",
        "text",
        Message("Account description"),
        Message("How the author described the account at the moment of collection."),
        suspect_after=100,
    ),
    column(
        "author_location",
        "text",
        Message("Account location"),
        Message("Where the author says to be, in the author's own words."),
    ),
    column(
        "author_verified",
        "boolean",
        Message("Verified"),
        Message(
            "Whether the account carried the platform's mark; since 2023 mostly a sign of payment."
        ),
    ),
    column(
        "author_created_at",
        "moment",
        Message("Account made"),
        Message("When the account was made."),
    ),
    column(
        "statuses_count",
        "integer",
        Message("Posts of the account"),
        Message("How many posts the author had published at the moment of collection."),
    ),
    column(
        "listed_count",
        "integer",
        Message("Lists"),
        Message("On how many lists the author stood at the moment of collection."),
    ),
)

_OTHERS = (
    column(
        "in_reply_to_id",
        "id",
        Message("In reply to post"),
        Message("The id of the post that this one answers."),
    ),
    column(
        "in_reply_to_uid",
        "id",
        Message("In reply to account id"),
        Message("The number of the account that this post answers."),
    ),
    column(
        "conversation_id",
        "id",
        Message("Conversation"),
        Message(
            "The id of the post that the conversation began with; v1.1 of the platform did not "
            "say it."
        ),
    ),
    column(
        "retweeted_id",
        "id",
        Message("Retweeted post"),
        Message("The id of the post that was retweeted."),
    ),
    column(
        "retweeted_screen_name",
        "text",
        Message("Retweeted account"),
        Message("The name of the account whose post was retweeted."),
    ),
    column(
        "retweeted_text",
        "text",
        Message("Retweeted text"),
        Message("The whole text of the post that was retweeted."),
        value=_retweeted_text,
        needs=("is_retweet_strict", "item_text"),
    ),
    column(
        "quoted_id", "id", Message("Quoted post"), Message("The id of the post that is quoted.")
    ),
    column(
        "quoted_screen_name",
        "text",
        Message("Quoted account"),
        Message(
            "The name of the account whose post is quoted, where the platform passed it along."
        ),
    ),
    column(
        "quoted_text",
        "text",
        Message("Quoted text"),
        Message("The whole text of the quoted post, where the platform passed it along."),
    ),
    column(
        "text_is_cut",
        "boolean",
        Message("Text is cut"),
        Message("True where the platform passed on only the beginning of the text."),
    ),
)

_CONTENT = (
    column(
        "urls",
        "list",
        Message("Links"),
        Message("All links as written in the post."),
        value=_urls(0),
        separator=" ",
    ),
    column(
        "urls_expanded",
        "list",
        Message("Links expanded"),
        Message("Where the platform says each link leads, in the order of urls."),
        value=_urls(1),
        needs=("urls",),
        separator=" ",
    ),
    column(
        "urls_final",
        "list",
        Message("Links followed"),
        Message(
            "Where each link was found to end when it was followed from here, in the order of "
            "urls: by the last look that led to a page, else by the last that was answered; “?” "
            "for a link that was not followed or never answered."
        ),
        value=_final_urls(0),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "urls_final_at",
        "list",
        Message("Links followed at"),
        Message(
            "When each link was found to end there, in UTC, in the order of urls; “?” as there."
        ),
        value=_final_urls(1),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "urls_outcome",
        "list",
        Message("Outcome of links"),
        Message(
            "What the latest look at each link came to, in the order of urls: ok, gone, refused, "
            "server_error, timeout, dns, connection, tls, too_many_redirects, not_public, "
            "invalid, too_large or bad_answer; “?” for a link that was not followed."
        ),
        value=_final_urls(2),
        needs=("final_urls",),
        separator=" ",
    ),
    column(
        "media_types",
        "list",
        Message("Media"),
        Message("photo, video or animated_gif, one for each."),
        value=each_of("media", "type"),
        needs=("media",),
    ),
    column(
        "media_urls",
        "list",
        Message("Media addresses"),
        Message("The address of each picture or film."),
        value=each_of("media", "url"),
        needs=("media",),
        separator=" ",
    ),
    column(
        "media_descriptions",
        "list",
        Message("Media descriptions"),
        Message(
            "What the author wrote to describe each picture to those who cannot see it; a | "
            "within it is written \\|."
        ),
        value=each_of("media", "alt_text"),
        needs=("media",),
        separator=" | ",
    ),
    column(
        "longitude",
        "number",
        Message("Longitude"),
        Message("Degrees east of Greenwich, of the post itself."),
    ),
    column(
        "latitude",
        "number",
        Message("Latitude"),
        Message("Degrees north of the equator, of the post itself."),
    ),
    column(
        "place",
        "text",
        Message("Place"),
        Message("The place that the author attached to the post."),
    ),
    column(
        "place_country",
        "text",
        Message("Country"),
        Message("The country of that place, as two letters."),
    ),
    column(
        "source",
        "text",
        Message("Sent with"),
        Message(
            "The program the post was sent with; the platform stopped saying so in December 2022."
        ),
    ),
    column(
        "possibly_sensitive",
        "boolean",
        Message("Possibly sensitive"),
        Message("Whether the platform marks the post's links or media as possibly sensitive."),
    ),
    column(
        "withheld_in",
        "text",
        Message("Withheld in"),
        Message(
            "Where the platform does not show it: country codes with commas between them, XX for "
            "everywhere, XY for a copyright claim."
        ),
    ),
    column(
        "edit_history",
        "list",
        Message("Edits"),
        Message("The ids of all versions of the post, oldest first."),
        separator=" ",
    ),
)

_CAPTURE = (
    column(
        "captured_at",
        "moment",
        Message("Collected"),
        Message("When the post was collected here."),
        suspect_after=1,
    ),
    column(
        "captured_by",
        "text",
        Message("Collected by"),
        Message("How it was collected: timeline, stream, search, lookup, or import from a file."),
        suspect_after=1,
    ),
    column(
        "run_id", "integer", Message("Run"), Message("The number of the run that collected it.")
    ),
)

EXTENDED: tuple[Column, ...] = (*_COUNTS, *_AUTHOR, *_OTHERS, *_CONTENT, *_CAPTURE, *ATTACHED)
