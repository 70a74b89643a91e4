"""Columns of what few posts have: polls, articles, media of quotes; they stand last in their set.

New columns come at the end: scripts rely on the order of those before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sfm.exports.columns.column import Cell, column, each_of, items
from sfm.messages import Message


def _poll(key: str) -> Callable[[Any], Cell]:
    """One fact of the post's poll; a post has one at most."""
    return lambda post: next((poll.get(key) or None for poll in items(post.polls)), None)


def _poll_options(key: str) -> Callable[[Any], Cell]:
    def cell(post: Any) -> Cell:
        options = (option for poll in items(post.polls) for option in poll["options"])
        return ["" if option[key] is None else str(option[key]) for option in options]

    return cell


ATTACHED = (
    column(
        "entities_from_text",
        "boolean",
        Message("Read from the text"),
        Message(
            "True where the platform gave no list of links, hashtags and mentions at all, so that "
            "those of this row were read from the text here."
        ),
    ),
    column(
        "has_media",
        "boolean",
        Message("Has media"),
        Message(
            "Whether the post has pictures or films, also where the platform named them and did "
            "not pass them along: media_urls is empty then, and urls holds their link."
        ),
    ),
    column(
        "quoted_media_types",
        "list",
        Message("Media of the quoted post"),
        Message("photo, video or animated_gif, one for each of the quoted post."),
        value=each_of("quoted_media", "type"),
        needs=("quoted_media",),
    ),
    column(
        "quoted_media_urls",
        "list",
        Message("Media addresses of the quoted post"),
        Message("The address of each picture or film of the quoted post."),
        value=each_of("quoted_media", "url"),
        needs=("quoted_media",),
        separator=" ",
    ),
    column(
        "poll_options",
        "list",
        Message("Poll options"),
        Message(
            "The answers of the post's poll in their order, whose question is the text; a | "
            "within one is written \\|."
        ),
        value=_poll_options("label"),
        needs=("polls",),
        separator=" | ",
    ),
    column(
        "poll_votes",
        "list",
        Message("Poll votes"),
        Message("Votes for each answer at the moment of collection, in the order of poll_options."),
        value=_poll_options("votes"),
        needs=("polls",),
        separator=" | ",
    ),
    column(
        "poll_ends_at",
        "moment",
        Message("Poll ends"),
        Message("When the poll ends or ended."),
        value=_poll("ends_at"),
        needs=("polls",),
    ),
    column(
        "poll_status",
        "text",
        Message("Poll status"),
        Message("open or closed, at the moment of collection."),
        value=_poll("status"),
        needs=("polls",),
    ),
    column(
        "article_title",
        "text",
        Message("Article title"),
        Message("The title of the article that the post carries."),
    ),
    column(
        "article_text",
        "text",
        Message("Article text"),
        Message(
            "The text of that article as far as the platform passed it along: all of it, or its "
            "beginning. Its pictures are among the media."
        ),
    ),
)
