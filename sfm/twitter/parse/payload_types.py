"""The payloads as X sends them, as far as we read them. Everything may be missing or null."""

from __future__ import annotations

from typing import Annotated

import msgspec

from sfm.networks.record import MAX_ID

Count = Annotated[int, msgspec.Meta(ge=-MAX_ID - 1, le=MAX_ID)]


class Shape(msgspec.Struct, kw_only=True, gc=False):
    """Base of all: unknown keys are passed over, known ones default to None."""


# --- v1.1 -------------------------------------------------------------------------------------


class V1Hashtag(Shape):
    text: str | None = None
    indices: list[int] | None = None


class V1Mention(Shape):
    screen_name: str | None = None
    id: int | None = None
    id_str: str | None = None
    indices: list[int] | None = None


class V1Unwound(Shape):
    url: str | None = None


class V1Url(Shape):
    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    unwound: V1Unwound | None = None
    indices: list[int] | None = None


class Variant(Shape):
    bitrate: Count | None = None
    bit_rate: Count | None = None
    content_type: str | None = None
    url: str | None = None


class V1Video(Shape):
    duration_millis: Count | None = None
    variants: list[Variant] | None = None


class V1Media(Shape):
    type: str | None = None
    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    media_url: str | None = None
    media_url_https: str | None = None
    ext_alt_text: str | None = None
    video_info: V1Video | None = None
    indices: list[int] | None = None


class PollOptionShape(Shape):
    position: Count | None = None
    label: str | None = None
    text: str | None = None  # so named in v1.1
    votes: Count | None = None


class PollShape(Shape):
    """A poll of either version; v1.1 gives no id and no votes."""

    id: str | None = None
    options: list[PollOptionShape] | None = None
    duration_minutes: Count | None = None
    end_datetime: str | None = None
    voting_status: str | None = None


class V1Entities(Shape):
    hashtags: list[V1Hashtag] | None = None
    symbols: list[V1Hashtag] | None = None
    user_mentions: list[V1Mention] | None = None
    urls: list[V1Url] | None = None
    media: list[V1Media] | None = None
    polls: list[PollShape] | None = None


class V1MediaEntities(Shape):
    media: list[V1Media] | None = None


class V1Extended(Shape):
    full_text: str | None = None
    entities: V1Entities | None = None
    extended_entities: V1MediaEntities | None = None


class Point(Shape):
    coordinates: list[float] | None = None


class V1Place(Shape):
    full_name: str | None = None
    country_code: str | None = None


class V1User(Shape):
    id: int | None = None
    id_str: str | None = None
    screen_name: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    profile_image_url: str | None = None
    profile_image_url_https: str | None = None
    created_at: str | None = None
    verified: bool | None = None
    protected: bool | None = None
    followers_count: Count | None = None
    friends_count: Count | None = None
    statuses_count: Count | None = None
    listed_count: Count | None = None
    withheld_in_countries: list[str] | str | None = None
    withheld_scope: str | None = None


class V1Tweet(Shape):
    id: int | None = None
    id_str: str | None = None
    created_at: str | None = None
    text: str | None = None
    full_text: str | None = None
    truncated: bool | None = None
    extended_tweet: V1Extended | None = None
    entities: V1Entities | None = None
    extended_entities: V1MediaEntities | None = None
    user: V1User | None = None
    retweeted_status: V1Tweet | None = None
    quoted_status: V1Tweet | None = None
    quoted_status_id: int | None = None
    quoted_status_id_str: str | None = None
    is_quote_status: bool | None = None
    in_reply_to_status_id: int | None = None
    in_reply_to_status_id_str: str | None = None
    in_reply_to_user_id: int | None = None
    in_reply_to_user_id_str: str | None = None
    in_reply_to_screen_name: str | None = None
    lang: str | None = None
    source: str | None = None
    retweet_count: Count | None = None
    favorite_count: Count | None = None
    reply_count: Count | None = None
    quote_count: Count | None = None
    coordinates: Point | None = None
    geo: Point | None = None
    place: V1Place | None = None
    possibly_sensitive: bool | None = None
    withheld_copyright: bool | None = None
    withheld_in_countries: list[str] | str | None = None
    withheld_scope: str | None = None


# --- v2: tweet and post words side by side ------------------------------------------------------


class V2Tag(Shape):
    start: int | None = None
    end: int | None = None
    tag: str | None = None


class V2Mention(Shape):
    start: int | None = None
    end: int | None = None
    username: str | None = None
    tag: str | None = None  # so named in early 2020
    id: str | None = None


class V2Url(Shape):
    start: int | None = None
    end: int | None = None
    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    unwound_url: str | None = None
    media_key: str | None = None


class V2Entities(Shape):
    hashtags: list[V2Tag] | None = None
    cashtags: list[V2Tag] | None = None
    mentions: list[V2Mention] | None = None
    urls: list[V2Url] | None = None


class V2Note(Shape):
    text: str | None = None
    entities: V2Entities | None = None


class V2Metrics(Shape):
    retweet_count: Count | None = None
    repost_count: Count | None = None
    reply_count: Count | None = None
    like_count: Count | None = None
    quote_count: Count | None = None
    bookmark_count: Count | None = None
    impression_count: Count | None = None


class V2UserMetrics(Shape):
    followers_count: Count | None = None
    following_count: Count | None = None
    tweet_count: Count | None = None
    post_count: Count | None = None
    listed_count: Count | None = None


class V2Withheld(Shape):
    copyright: bool | None = None
    country_codes: list[str] | None = None
    scope: str | None = None


class V2User(Shape):
    id: str | None = None
    username: str | None = None
    name: str | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    profile_image_url: str | None = None
    created_at: str | None = None
    verified: bool | None = None
    protected: bool | None = None
    public_metrics: V2UserMetrics | None = None
    withheld: V2Withheld | None = None


class V2Media(Shape):
    media_key: str | None = None
    type: str | None = None
    url: str | None = None
    preview_image_url: str | None = None
    alt_text: str | None = None
    width: Count | None = None
    height: Count | None = None
    duration_ms: Count | None = None
    variants: list[Variant] | None = None


class V2Attachments(Shape):
    media_keys: list[str] | None = None
    poll_ids: list[str] | None = None
    media: list[V2Media] | None = None  # twarc's flattened form
    poll: PollShape | None = None  # twarc's flattened form


class V2Article(Shape):
    title: str | None = None
    preview_text: str | None = None
    plain_text: str | None = None
    cover_media: str | None = None  # a media key
    media_entities: list[str] | None = None  # media keys


class V2Place(Shape):
    id: str | None = None
    full_name: str | None = None
    country_code: str | None = None


class V2Geo(V2Place):
    place_id: str | None = None
    coordinates: Point | None = None


class V2Tweet(Shape):
    id: str | None = None
    text: str | None = None
    author_id: str | None = None
    created_at: str | None = None
    conversation_id: str | None = None
    lang: str | None = None
    source: str | None = None
    possibly_sensitive: bool | None = None
    in_reply_to_user_id: str | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    public_metrics: V2Metrics | None = None
    entities: V2Entities | None = None
    note_tweet: V2Note | None = None
    note_post: V2Note | None = None
    attachments: V2Attachments | None = None
    article: V2Article | None = None
    article_title: str | None = None
    geo: V2Geo | None = None
    referenced_tweets: list[V2Reference] | None = None
    referenced_posts: list[V2Reference] | None = None
    withheld: V2Withheld | None = None
    author: V2User | None = None  # twarc's flattened form
    in_reply_to_user: V2User | None = None  # twarc's flattened form


class V2Reference(V2Tweet):
    """`{"type","id"}`, and in twarc's flattened form the whole post as well."""

    type: str | None = None


class V2Includes(Shape):
    users: list[V2User] | None = None
    tweets: list[V2Tweet] | None = None
    posts: list[V2Tweet] | None = None
    media: list[V2Media] | None = None
    places: list[V2Place] | None = None
    polls: list[PollShape] | None = None


class V2Record(Shape):
    data: V2Tweet | None = None
    includes: V2Includes | None = None
