"""Which fields and expansions are asked for, in tweet words or in post words, never mixed.

An unknown name in a field list is passed over without an error, and the field is simply absent
from what is stored for good. So both lists are held against X's own description in the tests.
"""

from __future__ import annotations

from typing import Literal

Dialect = Literal["tweet", "post"]
Fields = dict[str, str]

_USER = (
    "created_at,description,entities,id,location,name,profile_image_url,protected,public_metrics,"
    "url,username,verified,verified_type,withheld"
)
_BESIDE: Fields = {
    "user.fields": _USER,
    "media.fields": (
        "alt_text,duration_ms,height,media_key,preview_image_url,public_metrics,type,url,"
        "variants,width"
    ),
    "place.fields": "contained_within,country,country_code,full_name,geo,id,name,place_type",
    "poll.fields": "duration_minutes,end_datetime,id,options,voting_status",
}
TWEET_FIELDS: Fields = {
    "tweet.fields": (
        "attachments,author_id,conversation_id,created_at,edit_controls,edit_history_tweet_ids,"
        "entities,geo,id,in_reply_to_user_id,lang,note_tweet,possibly_sensitive,public_metrics,"
        "referenced_tweets,reply_settings,text,withheld"
    ),
    "expansions": (
        "author_id,attachments.media_keys,attachments.poll_ids,edit_history_tweet_ids,"
        "entities.mentions.username,geo.place_id,in_reply_to_user_id,referenced_tweets.id,"
        "referenced_tweets.id.author_id"
    ),
    **_BESIDE,
}
POST_FIELDS: Fields = {
    "post.fields": (
        "attachments,conversation_id,created_at,edit_controls,entities,geo,id,lang,note_post,"
        "possibly_sensitive,public_metrics,reply_settings,text,withheld"
    ),
    "expansions": (
        "author_id,attachments.media_keys,attachments.poll_ids,edit_history_post_ids,"
        "entities.mentions.username,geo.place_id,in_reply_to_user_id,referenced_posts"
    ),
    **_BESIDE,
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
