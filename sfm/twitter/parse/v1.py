"""v1.1 tweets and accounts to our records. Source: X API v1.1 data dictionary."""

from __future__ import annotations

import re
from typing import Any

from sfm.networks.record import Account, Media, Post, Url, Withheld
from sfm.twitter.parse.payload_types import (
    V1Entities,
    V1Hashtag,
    V1Media,
    V1Mention,
    V1Tweet,
    V1Url,
    V1User,
)
from sfm.twitter.parse.text_entities import read_entities
from sfm.twitter.parse.values import (
    account_date,
    countries,
    is_loose_retweet,
    kind_of,
    pick_video,
    place_on_earth,
    poll_from,
    required_id,
    retweet_opening,
    row_id,
    unescape,
    when,
)

_SOURCE_LABEL = re.compile(r">([^<]*)<")


def is_tweet(status: V1Tweet) -> bool:
    """Whether there is any text at all: accounts and stream notices have none."""
    return (
        status.full_text is not None or status.text is not None or status.extended_tweet is not None
    )


def tweet_from(status: V1Tweet) -> Post:
    """The record of one v1.1 tweet. Raises Unreadable where its id cannot be kept."""
    twitter_id = required_id(status.id_str, status.id)
    original = status.retweeted_status
    opening = retweet_prefix(status, original) if original is not None else ""
    shown = original if original is not None and is_tweet(original) else status
    text, cut = _text(status, original, opening)
    created_at, guessed = when(status.created_at, twitter_id)
    strict = original is not None
    reply_to = row_id(status.in_reply_to_status_id_str, status.in_reply_to_status_id)
    reply_uid = row_id(status.in_reply_to_user_id_str, status.in_reply_to_user_id)
    quoted = _quoted_id(status) or (_quoted_id(original) if original else None)
    replies = reply_to is not None or reply_uid is not None
    return Post(
        twitter_id=twitter_id,
        created_at=created_at,
        created_at_from_id=guessed,
        text=text,
        text_is_cut=cut,
        kind=kind_of(strict, quoted is not None or bool(status.is_quote_status), replies),
        is_retweet_strict=strict,
        is_retweet=strict or is_loose_retweet(text),
        in_reply_to_id=reply_to,
        in_reply_to_uid=reply_uid,
        in_reply_to_screen_name=status.in_reply_to_screen_name or None,
        quoted_id=quoted,
        **_facts(status),
        **_author(status.user),
        **_retweeted(original, opening),
        **_quoted(status, original),
        **_content(shown, opening if shown is original else ""),
    )


def _facts(status: V1Tweet) -> dict[str, Any]:
    place = status.place
    return {
        "lang": status.lang,
        "source": _label(status.source),
        "possibly_sensitive": status.possibly_sensitive,
        "withheld": _withheld(
            status.withheld_in_countries, status.withheld_copyright, status.withheld_scope
        ),
        "retweet_count": status.retweet_count,
        "like_count": status.favorite_count,
        "reply_count": status.reply_count,
        "quote_count": status.quote_count,
        "coordinates": _coordinates(status),
        "place_name": place.full_name if place else None,
        "place_country_code": place.country_code if place else None,
    }


def _author(user: V1User | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {
        "author_uid": row_id(user.id_str, user.id),
        "screen_name": user.screen_name,
        "author_name": user.name,
        "author_description": user.description,
        "author_location": user.location,
        "author_image_url": user.profile_image_url_https or user.profile_image_url,
        "author_created_at": account_date(user.created_at),
        "author_verified": user.verified,
        "author_protected": user.protected,
        "followers_count": user.followers_count,
        "friends_count": user.friends_count,
        "statuses_count": user.statuses_count,
        "listed_count": user.listed_count,
    }


def _retweeted(original: V1Tweet | None, opening: str) -> dict[str, Any]:
    if original is None:
        return {}
    author = original.user
    return {
        "retweeted_id": row_id(original.id_str, original.id),
        "retweeted_uid": row_id(author.id_str, author.id) if author else None,
        "retweeted_screen_name": opening[4:-2] or None,
    }


def _quoted(status: V1Tweet, original: V1Tweet | None) -> dict[str, Any]:
    quoted = status.quoted_status or (original.quoted_status if original else None)
    if quoted is None or not is_tweet(quoted):
        return {}
    return {
        "quoted_screen_name": quoted.user.screen_name if quoted.user else None,
        "quoted_text": unescape(full_text(quoted)),
        "quoted_media": tuple([_media(item) for item in all_media(quoted)]),
    }


def _content(shown: V1Tweet, opening: str) -> dict[str, Any]:
    entities = full_entities(shown)
    mentions = [
        mention.screen_name for mention in entities.user_mentions or () if mention.screen_name
    ]
    if opening:
        mentions.insert(0, opening[4:-2])
    media = all_media(shown)
    polls = (poll_from(poll) for poll in entities.polls or ())
    return {
        "hashtags": tuple([tag.text for tag in entities.hashtags or () if tag.text]),
        "mentions": tuple(mentions),
        "urls": tuple(
            [
                Url(
                    link.url or link.expanded_url or "",
                    link.expanded_url or "",
                    link.display_url or "",
                    (link.unwound.url or "") if link.unwound else "",
                )
                for link in entities.urls or ()
                if link.url or link.expanded_url
            ]
        ),
        "entities_from_text": entities_are_from_text(shown),
        "media": tuple([_media(item) for item in media]),
        "has_media": bool(media),
        "polls": tuple([poll for poll in polls if poll is not None]),
    }


def full_text(status: V1Tweet) -> str:
    """The whole text with HTML escapes as Twitter sent it; entity offsets count in it."""
    extended = status.extended_tweet
    if extended is not None and extended.full_text is not None:
        return extended.full_text
    return status.full_text if status.full_text is not None else status.text or ""


def full_entities(status: V1Tweet) -> V1Entities:
    """The entities that belong to `full_text`.

    Read from the text where the payload has none at all; an empty object is X's word, and stays.
    """
    given = _given_entities(status)
    return _from_text(full_text(status)) if given is None else given


def _given_entities(status: V1Tweet) -> V1Entities | None:
    extended = status.extended_tweet
    if extended is not None and extended.full_text is not None and extended.entities is not None:
        return extended.entities
    return status.entities


def _from_text(text: str) -> V1Entities:
    entities = V1Entities(hashtags=[], user_mentions=[], urls=[])
    for kind, start, end, name in read_entities(text):
        indices = [start, end]
        if kind == "hashtag" and entities.hashtags is not None:
            entities.hashtags.append(V1Hashtag(text=name, indices=indices))
        elif kind == "mention" and entities.user_mentions is not None:
            entities.user_mentions.append(V1Mention(screen_name=name, indices=indices))
        elif entities.urls is not None:
            expanded = unescape(name) if "&" in name else None
            entities.urls.append(V1Url(url=name, expanded_url=expanded, indices=indices))
    return entities


def entities_are_from_text(status: V1Tweet) -> bool:
    """Whether mentions, tags or links were read from the text, Twitter having given none."""
    return _given_entities(status) is None and bool(read_entities(full_text(status)))


def all_media(status: V1Tweet) -> list[V1Media]:
    """Every picture and film: `entities` knows the first only, and calls it a photo."""
    extended = status.extended_tweet
    for entities in (
        extended.extended_entities if extended else None,
        status.extended_entities,
        full_entities(status),
    ):
        if entities is not None and entities.media:
            return entities.media
    return []


def retweet_prefix(status: V1Tweet, original: V1Tweet) -> str:
    """ "RT @name: ", or nothing where nobody says whose tweet it was."""
    author = original.user
    return retweet_opening(author.screen_name if author else None, full_text(status))


def _text(status: V1Tweet, original: V1Tweet | None, opening: str) -> tuple[str, bool]:
    own = unescape(full_text(status))
    if original is None:
        return own, _is_cut(status)
    if not opening or not is_tweet(original):
        return own, own.endswith("…")
    return opening + unescape(full_text(original)), _is_cut(original)


def _is_cut(status: V1Tweet) -> bool:
    return bool(status.truncated) and status.full_text is None and status.extended_tweet is None


def _quoted_id(status: V1Tweet) -> int | None:
    quoted = row_id(status.quoted_status_id_str, status.quoted_status_id)
    if quoted is None and status.quoted_status is not None:
        return row_id(status.quoted_status.id_str, status.quoted_status.id)
    return quoted


def _coordinates(status: V1Tweet) -> tuple[float, float] | None:
    if status.coordinates is not None:
        return place_on_earth(status.coordinates.coordinates)
    if status.geo is not None and status.geo.coordinates:
        return place_on_earth(status.geo.coordinates[1::-1])  # the old field says latitude first
    return None


def _label(source: str | None) -> str | None:
    if not source or source[0] != "<":
        return source
    label = _SOURCE_LABEL.search(source)
    return unescape(label[1]) if label else source


def _withheld(where: Any, by_copyright: bool | None, scope: str | None) -> Withheld | None:
    codes = countries(where)
    if not codes and not by_copyright:
        return None
    return Withheld(codes, bool(by_copyright), scope or "")


def _media(item: V1Media) -> Media:
    picture = item.media_url_https or item.media_url or ""
    video = item.video_info
    return Media(
        type=item.type or "photo",
        url=pick_video(video.variants if video else None) or picture,
        preview_url=picture,
        alt_text=item.ext_alt_text or "",
        page_url=item.expanded_url or "",
        duration_ms=video.duration_millis if video else None,
    )


def user_from(user: V1User, raw: bytes) -> Account:
    """The record of one v1.1 account. Raises Unreadable without a usable id or name."""
    return Account(
        uid=required_id(user.id_str, user.id),
        name=user.screen_name or "",
        display_name=user.name,
        protected=user.protected,
        verified=user.verified,
        description=user.description,
        location=user.location,
        url=user.url,
        profile_image_url=user.profile_image_url_https or user.profile_image_url,
        created_at=account_date(user.created_at),
        followers_count=user.followers_count,
        friends_count=user.friends_count,
        statuses_count=user.statuses_count,
        listed_count=user.listed_count,
        withheld=_withheld(user.withheld_in_countries, None, user.withheld_scope),
        raw=raw,
    )
