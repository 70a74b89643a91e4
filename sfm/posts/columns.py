"""From a post's record to its row: what is stored of a post beside its JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from sfm import clock
from sfm.networks.record import Media, Poll, Post, Url

# What `row_of` gives, in its order: all that can be made anew from the JSON.
CONTENT = (
    "date_published", "date_is_guessed", "month", "kind", "is_retweet_strict", "is_retweet", "lang",
    "has_link", "has_media", "possibly_sensitive", "retweet_count", "like_count", "reply_count",
    "quote_count", "bookmark_count", "impression_count", "conversation_id", "in_reply_to_id",
    "in_reply_to_uid", "in_reply_to_screen_name", "retweeted_id", "retweeted_uid",
    "retweeted_screen_name", "quoted_id", "quoted_screen_name", "author_uid", "screen_name",
    "followers_count", "friends_count", "statuses_count", "listed_count", "author_verified",
    "author_created_at", "longitude", "latitude", "text_is_cut", "item_text", "quoted_text",
    "hashtags", "mentions", "urls", "media", "edit_history", "place", "place_country",
    "withheld_in", "source", "author_name", "author_location", "author_description",
    "entities_from_text", "quoted_media", "polls", "article_title", "article_text",
)  # fmt: skip

_encode = msgspec.json.Encoder().encode


def row_of(post: Post, published: datetime, stamp: Callable[[datetime], Any]) -> tuple[Any, ...]:
    """The values of CONTENT, ready for the driver: moments by `stamp`, lists as JSON text.

    `published` stands for the post's own date, which may be missing. Texts that Twitter left out
    become ''; figures that it does not say, or that no database could hold, are None already.
    """
    return (
        stamp(published),
        post.created_at_from_id,
        published.year * 100 + published.month,
        *_kind_and_counts(post),
        *_references(post),
        *_author(post, stamp),
        *_content(post),
        *_attached(post),
    )


def _kind_and_counts(post: Post) -> tuple[Any, ...]:
    return (
        post.kind,
        post.is_retweet_strict,
        post.is_retweet,
        (post.lang or "")[:10],
        bool(post.urls),
        post.has_media,
        post.possibly_sensitive,
        post.retweet_count,
        post.like_count,
        post.reply_count,
        post.quote_count,
        post.bookmark_count,
        post.impression_count,
    )


def _references(post: Post) -> tuple[Any, ...]:
    return (
        post.conversation_id,
        post.in_reply_to_id,
        post.in_reply_to_uid,
        (post.in_reply_to_screen_name or "")[:50],
        post.retweeted_id,
        post.retweeted_uid,
        (post.retweeted_screen_name or "")[:50],
        post.quoted_id,
        (post.quoted_screen_name or "")[:50],
    )


def _author(post: Post, stamp: Callable[[datetime], Any]) -> tuple[Any, ...]:
    born = post.author_created_at
    return (
        post.author_uid,
        (post.screen_name or "")[:50],
        post.followers_count,
        post.friends_count,
        post.statuses_count,
        post.listed_count,
        post.author_verified,
        stamp(born) if born else None,
    )


def _content(post: Post) -> tuple[Any, ...]:
    return (
        *(post.coordinates or (None, None)),
        post.text_is_cut,
        post.text,
        post.quoted_text or "",
        _json(post.hashtags),
        _json(post.mentions),
        _json([_url(url) for url in post.urls]),
        _json([_media(item) for item in post.media]),
        _json([str(post_id) for post_id in post.edit_history_ids]),
        post.place_name or "",
        (post.place_country_code or "")[:10],
        ",".join(post.withheld.countries) if post.withheld else "",
        post.source or "",
        post.author_name or "",
        post.author_location or "",
        post.author_description or "",
    )


def _attached(post: Post) -> tuple[Any, ...]:
    return (
        post.entities_from_text,
        _json([_media(item) for item in post.quoted_media]),
        _json([_poll(poll) for poll in post.polls]),
        post.article_title or "",
        post.article_text or "",
    )


def _poll(poll: Poll) -> dict[str, Any]:
    return {
        "options": [{"label": option.label, "votes": option.votes} for option in poll.options],
        "ends_at": clock.iso(poll.ends_at) if poll.ends_at else "",
        "duration_minutes": poll.duration_minutes,
        "status": poll.status,
    }


def _json(values: list[Any] | tuple[Any, ...]) -> str:
    return _encode(values).decode() if values else "[]"


def _url(url: Url) -> tuple[str, str, str, str]:
    return url.url, url.expanded_url, url.display_url, url.unwound_url


def _media(item: Media) -> dict[str, Any]:
    """Only what is known: most pictures have four of these."""
    known = {
        "type": item.type,
        "url": item.url,
        "preview_url": item.preview_url,
        "alt_text": item.alt_text,
        "page_url": item.page_url,
        "width": item.width,
        "height": item.height,
        "duration_ms": item.duration_ms,
    }
    return {name: value for name, value in known.items() if value not in ("", None)}
