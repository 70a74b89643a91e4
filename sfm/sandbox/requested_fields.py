"""Which fields and expansions a request asks for, in which of X's two vocabularies.

Inside the sandbox everything has its tweet-dialect name. Unknown names are ignored without a word,
and so are names of the other dialect; that is how X behaves since August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

POST_FIELDS = frozenset(
    "article attachments author_id context_annotations conversation_id created_at "
    "display_text_range edit_controls edit_history_tweet_ids entities geo id "
    "in_reply_to_user_id lang note_tweet "
    "possibly_sensitive public_metrics referenced_tweets reply_settings source text "
    "withheld".split()
)
_POST_DIALECT_FIELDS = {
    name: name
    for name in POST_FIELDS
    - {"author_id", "in_reply_to_user_id", "referenced_tweets", "edit_history_tweet_ids"}
    - {"note_tweet"}
} | {"note_post": "note_tweet", "article_title": "article_title"}
USER_FIELDS = frozenset(
    "created_at description entities id location most_recent_tweet_id name pinned_tweet_id "
    "profile_image_url protected public_metrics url username verified verified_type "
    "withheld".split()
)
MEDIA_FIELDS = frozenset(
    "alt_text duration_ms height media_key preview_image_url public_metrics type url variants "
    "width".split()
)
PLACE_FIELDS = frozenset(
    "contained_within country country_code full_name geo id name place_type".split()
)
POLL_FIELDS = frozenset("duration_minutes end_datetime id options voting_status".split())
_TWEET_EXPANSIONS = {
    name: name
    for name in (
        "article.cover_media",
        "article.media_entities",
        "attachments.media_keys",
        "attachments.poll_ids",
        "author_id",
        "edit_history_tweet_ids",
        "entities.mentions.username",
        "entities.note.mentions.username",
        "geo.place_id",
        "in_reply_to_user_id",
        "referenced_tweets.id",
        "referenced_tweets.id.author_id",
        "referenced_tweets.id.attachments.media_keys",
        "pinned_tweet_id",
        "most_recent_tweet_id",
    )
}
_POST_EXPANSIONS = {
    "article.cover_media": "article.cover_media",
    "article.media_entities": "article.media_entities",
    "attachments.media_keys": "attachments.media_keys",
    "attachments.poll_ids": "attachments.poll_ids",
    "author_id": "author_id",
    "edit_history_post_ids": "edit_history_tweet_ids",
    "entities.mentions.username": "entities.mentions.username",
    "geo.place_id": "geo.place_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_posts": "referenced_tweets.id",
    "pinned_post_id": "pinned_tweet_id",
    "most_recent_post_id": "most_recent_tweet_id",
}
_ONLY_POST = frozenset(
    {"edit_history_post_ids", "referenced_posts", "pinned_post_id", "most_recent_post_id"}
)
_SHOWS = {  # an expansion also shows the field that it expands
    "article.cover_media": "article",
    "article.media_entities": "article",
    "attachments.media_keys": "attachments",
    "attachments.poll_ids": "attachments",
    "author_id": "author_id",
    "edit_history_tweet_ids": "edit_history_tweet_ids",
    "entities.mentions.username": "entities",
    "entities.note.mentions.username": "note_tweet",
    "geo.place_id": "geo",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "referenced_tweets.id.attachments.media_keys": "referenced_tweets",
}


@dataclass(frozen=True)
class RequestedFields:
    """What to show, by tweet-dialect names; `post_words` says how to spell it."""

    post_words: bool
    post: frozenset[str]
    user: frozenset[str]
    media: frozenset[str]
    place: frozenset[str]
    poll: frozenset[str]
    expansions: frozenset[str]


def read_fields(args: Mapping[str, str], dialect: str = "auto") -> RequestedFields:
    """Out of a request's query. `dialect` is used where the request gives no sign of its own."""
    expansions = _names(args, "expansions")
    post_words = _speaks_post_words(args, expansions, dialect)
    known = _POST_EXPANSIONS if post_words else _TWEET_EXPANSIONS
    expanded = {known[name] for name in expansions if name in known}
    if post_words and "referenced_tweets.id" in expanded:
        both = expanded & {"author_id", "attachments.media_keys"}
        expanded |= {f"referenced_tweets.id.{name}" for name in both}
    shown = {_SHOWS[name] for name in expanded if name in _SHOWS}
    return RequestedFields(
        post_words=post_words,
        post=_post_fields(args, post_words) | shown,
        user=_user_fields(args, post_words, expanded),
        media=(_names(args, "media.fields") & MEDIA_FIELDS) | {"media_key", "type"},
        place=(_names(args, "place.fields") & PLACE_FIELDS) | {"id", "full_name"},
        poll=(_names(args, "poll.fields") & POLL_FIELDS) | {"id", "options"},
        expansions=frozenset(expanded),
    )


def _speaks_post_words(args: Mapping[str, str], expansions: frozenset[str], dialect: str) -> bool:
    if "post.fields" in args or expansions & _ONLY_POST:
        return True
    return dialect == "post" and "tweet.fields" not in args


def _post_fields(args: Mapping[str, str], post_words: bool) -> frozenset[str]:
    if post_words:
        requested = {_POST_DIALECT_FIELDS.get(name, "id") for name in _names(args, "post.fields")}
        return frozenset(requested | {"id", "text"})
    requested = set(_names(args, "tweet.fields") & POST_FIELDS)
    return frozenset(requested | {"id", "text", "edit_history_tweet_ids"})


def _user_fields(args: Mapping[str, str], post_words: bool, expanded: set[str]) -> frozenset[str]:
    requested = _names(args, "user.fields") & USER_FIELDS
    linked = {"pinned_tweet_id", "most_recent_tweet_id"}
    if post_words:
        requested = requested - linked
    return requested | (linked & expanded) | {"id", "name", "username"}


def _names(args: Mapping[str, str], parameter: str) -> frozenset[str]:
    return frozenset(name for name in args.get(parameter, "").split(",") if name)
