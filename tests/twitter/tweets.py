"""Payloads as X sends them, made up for the tests. Nobody wrote these tweets."""

from __future__ import annotations

import json
from typing import Any

CREATED_V1 = "Wed Oct 10 20:19:24 +0000 2018"
CREATED_V2 = "2026-11-20T10:00:00.250Z"


def as_line(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def v1_user(uid: int = 101, name: str = "Ann_X", **more: Any) -> dict[str, Any]:
    return {
        "id": uid,
        "id_str": str(uid),
        "screen_name": name,
        "name": f"{name} Example",
        "description": "Keeps things",
        "location": "Springfield",
        "url": None,
        "followers_count": 10,
        "friends_count": 20,
        "statuses_count": 30,
        "listed_count": 4,
        "created_at": "Fri Apr 17 15:02:17 +0000 2009",
        "verified": False,
        "protected": False,
        "profile_image_url_https": "https://img.example/ann.jpg",
        **more,
    }


def v1_tweet(
    tweet_id: int = 1050118621198921728, text: str = "Hello", **more: Any
) -> dict[str, Any]:
    return {
        "created_at": CREATED_V1,
        "id": tweet_id,
        "id_str": str(tweet_id),
        "text": text,
        "truncated": False,
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
        "source": '<a href="https://app.example" rel="nofollow">Example &amp; App</a>',
        "in_reply_to_status_id": None,
        "in_reply_to_status_id_str": None,
        "in_reply_to_user_id": None,
        "in_reply_to_user_id_str": None,
        "in_reply_to_screen_name": None,
        "user": v1_user(),
        "geo": None,
        "coordinates": None,
        "place": None,
        "is_quote_status": False,
        "retweet_count": 3,
        "favorite_count": 5,
        "possibly_sensitive": False,
        "lang": "en",
        **more,
    }


def v1_rich() -> dict[str, Any]:
    """A retweet of a long post with everything on it that v1.1 knows."""
    long_text = "Long &amp; full #Flood https://t.co/aaa for @bob_x $CASH https://t.co/pic"
    original = v1_tweet(
        1050118621198921700,
        "Long &amp; full #Flood… https://t.co/self",
        truncated=True,
        user=v1_user(102, "Bob_X"),
        extended_tweet={
            "full_text": long_text,
            "display_text_range": [0, 50],
            "entities": {
                "hashtags": [{"text": "Flood", "indices": [16, 22]}],
                "symbols": [{"text": "CASH", "indices": [51, 56]}],
                "user_mentions": [
                    {"screen_name": "bob_x", "name": "Bob", "id": 102, "id_str": "102",
                     "indices": [44, 50]}
                ],
                "urls": [
                    {"url": "https://t.co/aaa", "expanded_url": "https://example.org/a",
                     "display_url": "example.org/a", "indices": [23, 39],
                     "unwound": {"url": "https://example.org/final", "status": 200}}
                ],
                "media": [v1_media()],
            },
            "extended_entities": {"media": [v1_media(), v1_media("video")]},
        },
        quoted_status_id=77,
        quoted_status_id_str="77",
        is_quote_status=True,
        quoted_status=v1_tweet(77, "Quoted words", user=v1_user(103, "Cyd_X")),
    )  # fmt: skip
    return v1_tweet(
        text="RT @Bob_X: Long &amp; full #Flood…",
        retweeted_status=original,
        coordinates={"type": "Point", "coordinates": [-90.1, 39.7]},
        geo={"type": "Point", "coordinates": [39.7, -90.1]},
        place={"id": "abc1", "full_name": "Springfield, USA", "country_code": "US"},
        withheld_in_countries=["DE", "XY"],
        withheld_copyright=True,
        withheld_scope="status",
        quote_count=1,
        reply_count=2,
    )


def v1_media(kind: str = "photo") -> dict[str, Any]:
    media: dict[str, Any] = {
        "id": 900,
        "id_str": "900",
        "type": kind,
        "url": "https://t.co/pic",
        "media_url": "http://img.example/p.jpg",
        "media_url_https": "https://img.example/p.jpg",
        "expanded_url": "https://twitter.com/Bob_X/status/1050118621198921700/photo/1",
        "display_url": "pic.twitter.com/pic",
        "indices": [57, 73],
        "ext_alt_text": "A river",
    }
    if kind == "video":
        media["video_info"] = {
            "duration_millis": 4_000,
            "variants": [
                {"content_type": "application/x-mpegURL", "url": "https://v.example/list.m3u8"},
                {"bitrate": 256_000, "content_type": "video/mp4", "url": "https://v.example/s.mp4"},
                {"bitrate": 832_000, "content_type": "video/mp4", "url": "https://v.example/l.mp4"},
            ],
        }
    return media


def v2_user(uid: int = 101, name: str = "ann_x", **more: Any) -> dict[str, Any]:
    return {
        "id": str(uid),
        "name": f"{name} Example",
        "username": name,
        "description": "Keeps things",
        "created_at": "2009-04-17T15:02:17.000Z",
        "verified": True,
        "protected": False,
        "public_metrics": {
            "followers_count": 10, "following_count": 20, "tweet_count": 30, "listed_count": 4,
        },
        **more,
    }  # fmt: skip


def v2_post(post_id: int = 1900000000000000001, text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {
        "id": str(post_id),
        "text": text,
        "author_id": "101",
        "created_at": CREATED_V2,
        "conversation_id": str(post_id),
        "lang": "en",
        "edit_history_tweet_ids": [str(post_id)],
        "public_metrics": {
            "retweet_count": 2, "reply_count": 1, "like_count": 3, "quote_count": 0,
            "bookmark_count": 6, "impression_count": 40,
        },
        "possibly_sensitive": False,
        **more,
    }  # fmt: skip


LONG = "Long note &amp; all #Flood https://t.co/aaa for @bob_x $CASH https://t.co/pic and on and on"


def v2_long(post_id: int = 1900000000000000001, **more: Any) -> dict[str, Any]:
    """A post over 280 characters with everything on it that v2 knows."""
    note = {
        "text": LONG,
        "entities": {
            "hashtags": [{"start": 20, "end": 26, "tag": "Flood"}],
            "cashtags": [{"start": 55, "end": 60, "tag": "CASH"}],
            "mentions": [{"start": 48, "end": 54, "username": "bob_x", "id": "102"}],
            "urls": [
                {"start": 27, "end": 43, "url": "https://t.co/aaa",
                 "expanded_url": "https://example.org/a", "display_url": "example.org/a",
                 "unwound_url": "https://example.org/final"},
                {"start": 61, "end": 77, "url": "https://t.co/pic", "media_key": "7_1",
                 "expanded_url": "https://x.com/ann_x/status/1900000000000000001/video/1",
                 "display_url": "pic.x.com/pic"},
            ],
        },
    }  # fmt: skip
    return v2_post(
        post_id,
        "Long note &amp; all #Flood…",
        note_tweet=note,
        entities={"hashtags": [{"start": 20, "end": 26, "tag": "Flood"}]},
        attachments={"media_keys": ["7_1"], "poll_ids": ["55"]},
        geo={
            "place_id": "abc1",
            "coordinates": {"type": "Point", "coordinates": [-90.1, 39.7]},
        },
        withheld={"copyright": False, "country_codes": ["DE"], "scope": "tweet"},
        **more,
    )


def v2_includes() -> dict[str, Any]:
    return {
        "users": [v2_user(), v2_user(102, "bob_x")],
        "media": [
            {
                "media_key": "7_1",
                "type": "video",
                "preview_image_url": "https://img.example/p.jpg",
                "alt_text": "A river",
                "width": 640,
                "height": 480,
                "duration_ms": 4000,
                "variants": [
                    {"bit_rate": 256_000, "content_type": "video/mp4", "url": "https://v.example/s"}
                ],
            }
        ],
        "places": [
            {"id": "abc1", "full_name": "Springfield, USA", "country_code": "US", "name": "S"}
        ],
        "polls": [{"id": "55", "options": [{"position": 1, "label": "yes", "votes": 1}]}],
    }


def v2_record() -> dict[str, Any]:
    return {"data": v2_long(), "includes": v2_includes()}


def v2_retweet() -> dict[str, Any]:
    """One stream line: a retweet, cut as X cuts it, of the long post."""
    retweet = v2_post(
        1900000000000000002,
        "RT @ann_x: Long note &amp; all #Flood…",
        author_id="102",
        referenced_tweets=[{"type": "retweeted", "id": "1900000000000000001"}],
        public_metrics={"retweet_count": 2, "reply_count": 0, "like_count": 0, "quote_count": 0},
    )
    includes = v2_includes() | {"tweets": [v2_long()]}
    return {"data": retweet, "includes": includes, "matching_rules": [{"id": "77", "tag": "r:1"}]}


def in_post_words(payload: Any) -> Any:
    """The same payload in X's later vocabulary."""
    words = {
        "tweets": "posts",
        "referenced_tweets": "referenced_posts",
        "edit_history_tweet_ids": "edit_history_post_ids",
        "note_tweet": "note_post",
        "retweet_count": "repost_count",
        "tweet_count": "post_count",
    }
    if isinstance(payload, dict):
        return {words.get(key, key): in_post_words(value) for key, value in payload.items()}
    return [in_post_words(item) for item in payload] if isinstance(payload, list) else payload
