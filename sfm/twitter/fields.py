"""Which fields and expansions are asked for, in tweet words or in post words, never mixed.

An unknown name in a field list is passed over without an error, and the field is simply absent
from what is stored for good. So both lists are held against X's own description in the tests.
"""

from __future__ import annotations

from typing import Literal

Dialect = Literal["tweet", "post"]
Fields = dict[str, str]

_USER = (
    "created_at,description,entities,id,is_identity_verified,location,name,parody,"
    "profile_banner_url,profile_image_url,protected,public_metrics,subscription_type,url,username,"
    "verified,verified_followers_count,verified_type,withheld"
)
_BESIDE: Fields = {
    "media.fields": (
        "alt_text,duration_ms,height,media_key,preview_image_url,public_metrics,type,url,"
        "variants,width"
    ),
    "place.fields": "contained_within,country,country_code,full_name,geo,id,name,place_type",
    "poll.fields": "duration_minutes,end_datetime,id,options,voting_status",
}
TWEET_FIELDS: Fields = {
    "tweet.fields": (
        "article,attachments,author_id,card_uri,community_id,conversation_id,created_at,"
        "display_text_range,edit_controls,edit_history_tweet_ids,entities,geo,id,"
        "in_reply_to_user_id,lang,media_metadata,note_tweet,paid_partnership,possibly_sensitive,"
        "public_metrics,referenced_tweets,reply_settings,scopes,text,withheld"
    ),
    "expansions": (
        "article.cover_media,article.media_entities,author_id,attachments.media_keys,"
        "attachments.poll_ids,edit_history_tweet_ids,entities.mentions.username,"
        "entities.note.mentions.username,geo.place_id,in_reply_to_user_id,referenced_tweets.id,"
        "referenced_tweets.id.attachments.media_keys,referenced_tweets.id.author_id"
    ),
    "user.fields": f"affiliation,{_USER},pinned_tweet_id",
    **_BESIDE,
}
POST_FIELDS: Fields = {
    "post.fields": (
        "article,article_title,attachments,card_uri,community_id,conversation_id,created_at,"
        "display_text_range,edit_controls,entities,geo,id,lang,media_metadata,note_post,"
        "paid_partnership,possibly_sensitive,public_metrics,reply_settings,scopes,text,withheld"
    ),
    "expansions": (
        "article.cover_media,article.media_entities,author_id,attachments.media_keys,"
        "attachments.poll_ids,edit_history_post_ids,entities.mentions.username,geo.place_id,"
        "in_reply_to_user_id,referenced_posts"
    ),
    "user.fields": _USER,
    **_BESIDE,
}

_OWNERS_ONLY = "given to the author's own sign-in alone; anybody else gets an error for each post"
_NOTE_WRITERS = "for programs that write Community Notes; nothing that the author published"
_ASKERS = "says how the asking account stands to this one, which is no fact of the account"
_ONE_MORE_POST = "brings a whole post of each account, which is billed"
_METRICS = {
    "non_public_metrics": _OWNERS_ONLY,
    "organic_metrics": _OWNERS_ONLY,
    "promoted_metrics": _OWNERS_ONLY,
}
_POST_LEFT_OUT = _METRICS | {
    "context_annotations": (
        "X's own guesses at topics, not the author's; longer than the rest of the post together"
    ),
    "matched_media_notes": _NOTE_WRITERS,
    "note_request_suggestions": _NOTE_WRITERS,
    "suggested_source_links": _NOTE_WRITERS,
    "suggested_source_links_with_counts": _NOTE_WRITERS,
    "source": "X has left it empty since December 2022",
}
_EXPANSIONS_LEFT_OUT = {
    "attachments.media_source_tweet": (
        "brings the post that a film was first in, which may be billed; its id is in attachments"
    ),
    "username": "brings the author again, who comes with author_id",
    "affiliation": "brings the account of an organization for each member; only its badge is kept",
    "affiliation.user_id": (
        "brings the account of an organization for each member; only its badge is kept"
    ),
    "most_recent_tweet_id": _ONE_MORE_POST,
    "most_recent_post_id": _ONE_MORE_POST,
    "pinned_tweet_id": _ONE_MORE_POST,
    "pinned_post_id": _ONE_MORE_POST,
}
# What X describes and captures do not ask for, by parameter, and why not.
LEFT_OUT: dict[str, dict[str, str]] = {
    "tweet.fields": _POST_LEFT_OUT,
    "post.fields": _POST_LEFT_OUT,
    "expansions": _EXPANSIONS_LEFT_OUT,
    "user.fields": {
        "confirmed_email": "private: given to the account's own sign-in alone",
        "connection_status": _ASKERS,
        "most_recent_tweet_id": "changes with every post; the posts themselves are collected",
        "receives_your_dm": _ASKERS,
        "subscribes_to_you": _ASKERS,
        "subscription": _ASKERS,
    },
    "media.fields": _METRICS,
    "place.fields": {},
    "poll.fields": {},
}

FIELDS: dict[Dialect, Fields] = {"tweet": TWEET_FIELDS, "post": POST_FIELDS}
COUNT_FIELDS: dict[Dialect, str] = {
    "tweet": "end,start,tweet_count",
    "post": "end,post_count,start",
}
USAGE_FIELDS = "cap_reset_day,daily_project_usage,project_cap,project_id,project_usage"


def for_posts(dialect: Dialect) -> Fields:
    """The recommended field and expansion parameters of a capture."""
    return dict(FIELDS[dialect])


def for_users(fields: Fields) -> Fields:
    """What of these a look-up of accounts takes."""
    return {"user.fields": fields.get("user.fields", _USER)}
