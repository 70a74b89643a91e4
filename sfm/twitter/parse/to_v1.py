"""Posts of v2 in the shape of v1.1, for programs that know no other.

Source: X, "Data format migration". What v2 does not say (favorited, a user's colours) is left out,
except where every reader of v1.1 expects a key; then it is null. Texts and entity offsets stay as
they are: both versions count characters of the text with its HTML escapes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sfm import clock
from sfm.twitter.parse import v2, v2_content
from sfm.twitter.parse.payload_types import V2Media, V2Tweet, V2Url, V2User
from sfm.twitter.parse.tweet import ParsedPost, open_line
from sfm.twitter.parse.values import parse_date, required_id, row_id

_MAX_DEPTH = 2  # a retweet of a quote
_encode = msgspec.json.Encoder().encode


def as_v1_line(line: bytes) -> bytes:
    """A tweet as received, as one line of v1.1 JSON; v1.1 comes back unchanged.

    Raises Unreadable where the bytes hold no tweet.
    """
    opened = open_line(line)
    return _encode(_status(opened.post, opened.pool)) if isinstance(opened, ParsedPost) else line


def _status(post: V2Tweet, pool: v2_content.Pool, depth: int = 0) -> dict[str, Any]:
    twitter_id = required_id(post.id)
    text = v2_content.full_text(post)
    references = {ref.type: ref for ref in post.referenced_tweets or post.referenced_posts or ()}
    original = v2.resolve(references.get("retweeted"), pool)
    if original is not None and depth < _MAX_DEPTH:
        text = v2.retweet_prefix(post, original, pool) + v2_content.full_text(original)
    author = v2.author_of(post, pool)
    status: dict[str, Any] = {
        "created_at": _v1_date(post.created_at, twitter_id),
        "id": twitter_id,
        "id_str": str(twitter_id),
        "full_text": text,
        "truncated": False,
        "display_text_range": [0, len(text)],
        "entities": _entities(post, pool),
        "source": post.source or "",
        **_reply(post, references.get("replied_to"), pool),
        "user": _user(author, post.author_id),
        "geo": None,
        **_place(post, pool),
        "contributors": None,
        **_counts(post),
        "lang": post.lang,
    }
    if v2_content.entities_are_from_text(post):
        status["entities_read_from_text"] = True  # no key of X's: it gave none
    if post.possibly_sensitive is not None:
        status["possibly_sensitive"] = post.possibly_sensitive
    _add_media(status, post, pool)
    _add_quoted(status, references.get("quoted"), pool, depth)
    retweeted = references.get("retweeted")
    if original is not None and depth < _MAX_DEPTH:
        status["retweeted_status"] = _status(original, pool, depth + 1)
    elif retweeted is not None and (retweeted_id := row_id(retweeted.id)) is not None:
        status["retweeted_status"] = {"id": retweeted_id, "id_str": str(retweeted_id)}
    return status


def _v1_date(text: str | None, twitter_id: int) -> str | None:
    moment = parse_date(text) or clock.snowflake_time(twitter_id)
    if moment is None:
        return None
    return clock.as_twitter(moment)


def _user(user: V2User | None, author_id: str | None) -> dict[str, Any] | None:
    uid = row_id(user.id if user and user.id else author_id)
    if uid is None:
        return None
    if user is None:
        return {"id": uid, "id_str": str(uid)}
    status_user = {
        "id": uid,
        "id_str": str(uid),
        "name": user.name,
        "screen_name": user.username,
        "location": user.location or "",
        "description": user.description or "",
        "url": user.url or None,
        "protected": bool(user.protected),
        "created_at": _v1_date(user.created_at, 0),
        "verified": bool(user.verified),
        "profile_image_url_https": user.profile_image_url,
    }
    metrics = user.public_metrics
    if metrics is not None:
        posts = metrics.tweet_count if metrics.tweet_count is not None else metrics.post_count
        status_user["followers_count"] = metrics.followers_count
        status_user["friends_count"] = metrics.following_count
        status_user["listed_count"] = metrics.listed_count
        status_user["statuses_count"] = posts
    return status_user


def _reply(post: V2Tweet, replied: V2Tweet | None, pool: v2_content.Pool) -> dict[str, Any]:
    reply_id = row_id(replied.id) if replied else None
    uid = row_id(post.in_reply_to_user_id)
    return {
        "in_reply_to_status_id": reply_id,
        "in_reply_to_status_id_str": None if reply_id is None else str(reply_id),
        "in_reply_to_user_id": uid,
        "in_reply_to_user_id_str": None if uid is None else str(uid),
        "in_reply_to_screen_name": v2.replied_name(post, pool),
    }


def _place(post: V2Tweet, pool: v2_content.Pool) -> dict[str, Any]:
    place = v2.place_of(post, pool)
    on_earth = v2.coordinates_of(post)
    return {
        "coordinates": {"type": "Point", "coordinates": list(on_earth)} if on_earth else None,
        "place": None
        if place is None
        else {"id": place.id, "full_name": place.full_name, "country_code": place.country_code},
    }


def _counts(post: V2Tweet) -> dict[str, Any]:
    metrics = post.public_metrics
    if metrics is None:
        return {}
    return {
        "retweet_count": v2.retweet_count_of(post),
        "favorite_count": metrics.like_count,
        "reply_count": metrics.reply_count,
        "quote_count": metrics.quote_count,
    }


def _entities(post: V2Tweet, pool: v2_content.Pool) -> dict[str, Any]:
    entities = v2_content.full_entities(post)
    return {
        "hashtags": [
            {"text": tag.tag, **_indices(tag.start, tag.end)} for tag in entities.hashtags or ()
        ],
        "symbols": [
            {"text": tag.tag, **_indices(tag.start, tag.end)} for tag in entities.cashtags or ()
        ],
        "user_mentions": [
            {
                "screen_name": v2_content.mention_name(entity),
                "name": user.name if (user := pool.users.get(entity.id)) else None,
                "id": row_id(entity.id),
                "id_str": entity.id,
                **_indices(entity.start, entity.end),
            }
            for entity in entities.mentions or ()
        ],
        "urls": [
            _url(entity)
            for entity in v2_content.links_beside_media(
                entities.urls, v2_content.media_of(post, pool)
            )
        ],
    }


def _indices(start: int | None, end: int | None) -> dict[str, list[int]]:
    return {} if start is None or end is None else {"indices": [start, end]}


def _url(link: V2Url) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "url": link.url,
        "expanded_url": link.expanded_url,
        "display_url": link.display_url,
        **_indices(link.start, link.end),
    }
    if link.unwound_url:
        entity["unwound"] = {"url": link.unwound_url}
    return entity


def _add_media(status: dict[str, Any], post: V2Tweet, pool: v2_content.Pool) -> None:
    """v1.1 has media beside the links: the first in `entities`, all in `extended_entities`."""
    links = [
        media_link
        for media_link in v2_content.full_entities(post).urls or ()
        if v2_content.is_media_link(media_link)
    ]
    entities = []
    for place, item in enumerate(v2_content.media_of(post, pool)):
        same = [
            media_link
            for media_link in links
            if media_link.media_key and media_link.media_key == item.media_key
        ]
        link = (same or links[place : place + 1] or links[:1] or [V2Url()])[0]
        entities.append(_media(item, link))
    if entities:
        status["entities"]["media"] = entities[:1]
        status["extended_entities"] = {"media": entities}


def _media(item: V2Media, link: V2Url) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "type": item.type or "photo",
        "media_url_https": item.url or item.preview_image_url,
        "url": link.url,
        "expanded_url": link.expanded_url,
        "display_url": link.display_url,
        **_indices(link.start, link.end),
        "ext_alt_text": item.alt_text,
        "original_info": {"width": item.width, "height": item.height},
    }
    if item.variants or item.duration_ms:
        entity["video_info"] = {
            "duration_millis": item.duration_ms,
            "variants": [
                {
                    "bitrate": variant.bit_rate,
                    "content_type": variant.content_type,
                    "url": variant.url,
                }
                for variant in item.variants or ()
            ],
        }
    return entity


def _add_quoted(
    status: dict[str, Any], reference: V2Tweet | None, pool: v2_content.Pool, depth: int
) -> None:
    quoted_id = row_id(reference.id) if reference else None
    status["is_quote_status"] = quoted_id is not None
    if reference is None or quoted_id is None:
        return
    status["quoted_status_id"], status["quoted_status_id_str"] = quoted_id, str(quoted_id)
    quoted = v2.resolve(reference, pool)  # type: ignore[arg-type]
    if quoted is not None and depth < _MAX_DEPTH:
        status["quoted_status"] = _status(quoted, pool, depth + 1)
