"""From a post's record to its row: what is stored of a post beside its JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from sfm.networks.record import Media, Post, Url

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
)  # fmt: skip

_encode = msgspec.json.Encoder().encode


def row_of(tweet: Post, published: datetime, stamp: Callable[[datetime], Any]) -> tuple[Any, ...]:
    """The values of CONTENT, ready for the driver: moments by `stamp`, lists as JSON text.

    `published` stands for the post's own date, which may be missing. Texts that Twitter left out
    become ''; figures that it does not say, or that no database could hold, are None already.
    """
    return (
        stamp(published),
        tweet.created_at_from_id,
        published.year * 100 + published.month,
        *_kind_and_counts(tweet),
        *_references(tweet),
        *_author(tweet, stamp),
        *_content(tweet),
    )


def _kind_and_counts(tweet: Post) -> tuple[Any, ...]:
    return (
        tweet.kind,
        tweet.is_retweet_strict,
        tweet.is_retweet,
        (tweet.lang or "")[:10],
        bool(tweet.urls),
        bool(tweet.media),
        tweet.possibly_sensitive,
        tweet.retweet_count,
        tweet.like_count,
        tweet.reply_count,
        tweet.quote_count,
        tweet.bookmark_count,
        tweet.impression_count,
    )


def _references(tweet: Post) -> tuple[Any, ...]:
    return (
        tweet.conversation_id,
        tweet.in_reply_to_id,
        tweet.in_reply_to_uid,
        (tweet.in_reply_to_screen_name or "")[:50],
        tweet.retweeted_id,
        tweet.retweeted_uid,
        (tweet.retweeted_screen_name or "")[:50],
        tweet.quoted_id,
        (tweet.quoted_screen_name or "")[:50],
    )


def _author(tweet: Post, stamp: Callable[[datetime], Any]) -> tuple[Any, ...]:
    born = tweet.author_created_at
    return (
        tweet.author_uid,
        (tweet.screen_name or "")[:50],
        tweet.followers_count,
        tweet.friends_count,
        tweet.statuses_count,
        tweet.listed_count,
        tweet.author_verified,
        stamp(born) if born else None,
    )


def _content(tweet: Post) -> tuple[Any, ...]:
    longitude, latitude = tweet.coordinates or (None, None)
    return (
        longitude,
        latitude,
        tweet.text_is_cut,
        tweet.text,
        tweet.quoted_text or "",
        _json(tweet.hashtags),
        _json(tweet.mentions),
        _json([_url(url) for url in tweet.urls]),
        _json([_media(item) for item in tweet.media]),
        _json([str(post_id) for post_id in tweet.edit_history_ids]),
        tweet.place_name or "",
        (tweet.place_country_code or "")[:10],
        ",".join(tweet.withheld.countries) if tweet.withheld else "",
        tweet.source or "",
        tweet.author_name or "",
        tweet.author_location or "",
        tweet.author_description or "",
    )


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
