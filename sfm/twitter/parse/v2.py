"""v2 posts and accounts to our records, in tweet or post words. Source: X OpenAPI 2.166, 2.167."""

from __future__ import annotations

from typing import Any

from sfm.networks.record import Account, Media, Post, Url, Withheld
from sfm.twitter.parse.payload_types import (
    V2Media,
    V2Place,
    V2Reference,
    V2Tweet,
    V2User,
    V2Withheld,
)
from sfm.twitter.parse.v2_content import (
    Pool,
    entities_are_from_text,
    full_entities,
    full_text,
    links_beside_media,
    media_keys,
    media_of,
    mention_name,
    polls_of,
)
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


def is_post(post: V2Tweet) -> bool:
    """Whether there is any text at all: accounts, spaces and jobs have none."""
    return post.text is not None or post.note_tweet is not None or post.note_post is not None


def tweet_from(post: V2Tweet, pool: Pool) -> Post:
    """The record of one v2 post. Raises Unreadable where its id cannot be kept."""
    twitter_id = required_id(post.id)
    author = post.author or pool.users.get(post.author_id)
    references = {ref.type: ref for ref in post.referenced_tweets or post.referenced_posts or ()}
    retweeted, replied = references.get("retweeted"), references.get("replied_to")
    strict = retweeted is not None
    original = resolve(retweeted, pool)
    quoted = references.get("quoted") or _quoted_by(original)
    opening = retweet_prefix(post, original, pool) if original else ""
    text, cut = _text(post, strict, original, opening)
    created_at, guessed = when(post.created_at, twitter_id)
    reply_uid = row_id(post.in_reply_to_user_id)
    return Post(
        twitter_id=twitter_id,
        created_at=created_at,
        created_at_from_id=guessed,
        text=text,
        text_is_cut=cut,
        kind=kind_of(strict, quoted is not None, replied is not None or reply_uid is not None),
        is_retweet_strict=strict,
        is_retweet=strict or is_loose_retweet(text),
        author_uid=row_id(post.author_id, row_id(author.id) if author else None),
        in_reply_to_id=row_id(replied.id) if replied else None,
        in_reply_to_uid=reply_uid,
        in_reply_to_screen_name=replied_name(post, pool),
        edit_history_ids=_history(post),
        **_facts(post, original, pool),
        **_author(author),
        **_retweeted(retweeted, original, opening),
        **_quoted(quoted, pool),
        **_content(original or post, opening, pool),
    )


def resolve(reference: V2Reference | None, pool: Pool) -> V2Tweet | None:
    """The post that a reference means, where it came along; None if deleted or protected."""
    if reference is None:
        return None
    return reference if reference.text is not None else pool.tweets.get(reference.id)


def reference_ids(post: V2Tweet) -> set[str]:
    """Ids of the posts that this one retweets, quotes or answers."""
    references = post.referenced_tweets or post.referenced_posts or ()
    return {reference.id for reference in references if reference.id}


def author_of(post: V2Tweet, pool: Pool) -> V2User | None:
    return post.author or pool.users.get(post.author_id)


def _facts(post: V2Tweet, original: V2Tweet | None, pool: Pool) -> dict[str, Any]:
    metrics = post.public_metrics
    place = place_of(post, pool)
    facts: dict[str, Any] = {
        "lang": post.lang,
        "source": post.source,
        "possibly_sensitive": post.possibly_sensitive,
        "withheld": _withheld(post.withheld),
        "conversation_id": row_id(post.conversation_id),
        "coordinates": coordinates_of(post),
        "place_name": place.full_name if place else None,
        "place_country_code": place.country_code if place else None,
        "retweet_count": retweet_count_of(original) or retweet_count_of(post),
    }
    if metrics is not None:
        facts["like_count"] = metrics.like_count
        facts["reply_count"] = metrics.reply_count
        facts["quote_count"] = metrics.quote_count
        facts["bookmark_count"] = metrics.bookmark_count
        facts["impression_count"] = metrics.impression_count
    return facts


def retweet_count_of(post: V2Tweet | None) -> int | None:
    metrics = post.public_metrics if post else None
    if metrics is None:
        return None
    return metrics.retweet_count if metrics.retweet_count is not None else metrics.repost_count


def _author(user: V2User | None) -> dict[str, Any]:
    if user is None:
        return {}
    facts: dict[str, Any] = {
        "screen_name": user.username,
        "author_name": user.name,
        "author_description": user.description,
        "author_location": user.location,
        "author_image_url": user.profile_image_url,
        "author_created_at": account_date(user.created_at),
        "author_verified": user.verified,
        "author_protected": user.protected,
    }
    return facts | _figures(user)


def _figures(user: V2User) -> dict[str, Any]:
    metrics = user.public_metrics
    if metrics is None:
        return {}
    posts = metrics.tweet_count if metrics.tweet_count is not None else metrics.post_count
    return {
        "followers_count": metrics.followers_count,
        "friends_count": metrics.following_count,
        "statuses_count": posts,
        "listed_count": metrics.listed_count,
    }


def _retweeted(
    retweeted: V2Reference | None, original: V2Tweet | None, opening: str
) -> dict[str, Any]:
    if retweeted is None:
        return {}
    return {
        "retweeted_id": row_id(retweeted.id),
        "retweeted_uid": row_id(original.author_id) if original else None,
        "retweeted_screen_name": opening[4:-2] or None,
    }


def _content(shown: V2Tweet, opening: str, pool: Pool) -> dict[str, Any]:
    entities = full_entities(shown)
    mentions = [name for mention in entities.mentions or () if (name := mention_name(mention))]
    if opening:
        mentions.insert(0, opening[4:-2])
    media = media_of(shown, pool)
    return {
        "hashtags": tuple([tag.tag for tag in entities.hashtags or () if tag.tag]),
        "mentions": tuple(mentions),
        "urls": tuple(
            [
                Url(
                    link.url or link.expanded_url or "",
                    link.expanded_url or "",
                    link.display_url or "",
                    link.unwound_url or "",
                )
                for link in links_beside_media(entities.urls, media)
                if link.url or link.expanded_url
            ]
        ),
        "media": tuple([_media(item) for item in media]),
        **_attached(shown, bool(media), pool),
    }


def _attached(shown: V2Tweet, has_media: bool, pool: Pool) -> dict[str, Any]:
    """What not all posts have: entities out of the text, media, a poll, an article."""
    facts: dict[str, Any] = {}
    if entities_are_from_text(shown):
        facts["entities_from_text"] = True
    if has_media or media_keys(shown):
        facts["has_media"] = True
    if shown.article_title is not None:
        facts["article_title"] = shown.article_title
    if shown.attachments is not None:
        polls = [poll_from(poll) for poll in polls_of(shown, pool)]
        facts["polls"] = tuple([poll for poll in polls if poll is not None])
    article = shown.article
    if article is not None:
        facts["article_title"] = article.title or shown.article_title
        facts["article_text"] = article.plain_text or article.preview_text
    return facts


def _text(
    post: V2Tweet, is_retweet: bool, original: V2Tweet | None, opening: str
) -> tuple[str, bool]:
    if original is not None and opening:
        return opening + unescape(full_text(original)), False
    own = unescape(full_text(post))
    return own, is_retweet and own.endswith("…")


def retweet_prefix(post: V2Tweet, original: V2Tweet, pool: Pool) -> str:
    author = author_of(original, pool)
    return retweet_opening(author.username if author else None, post.text)


def replied_name(post: V2Tweet, pool: Pool) -> str | None:
    uid = post.in_reply_to_user_id
    if not uid:
        return None
    user = post.in_reply_to_user or pool.users.get(uid)
    if user and user.username:
        return user.username
    for mention in full_entities(post).mentions or ():
        if mention.id == uid:
            return mention_name(mention)
    return None


def _quoted_by(original: V2Tweet | None) -> V2Reference | None:
    if original is None:
        return None
    for ref in original.referenced_tweets or original.referenced_posts or ():
        if ref.type == "quoted":
            return ref
    return None


def _quoted(reference: V2Reference | None, pool: Pool) -> dict[str, Any]:
    if reference is None:
        return {}
    quoted = resolve(reference, pool)
    author = author_of(quoted, pool) if quoted else None
    return {
        "quoted_id": row_id(reference.id),
        "quoted_screen_name": author.username if author else None,
        "quoted_text": unescape(full_text(quoted)) if quoted else None,
        "quoted_media": tuple([_media(item) for item in media_of(quoted, pool)]) if quoted else (),
    }


def _history(post: V2Tweet) -> tuple[int, ...]:
    ids = post.edit_history_tweet_ids or post.edit_history_post_ids
    return tuple([tweet_id for text in ids if (tweet_id := row_id(text))]) if ids else ()


def place_of(post: V2Tweet, pool: Pool) -> V2Place | None:
    geo = post.geo
    if geo is None:
        return None
    return geo if geo.full_name is not None else pool.places.get(geo.place_id)


def coordinates_of(post: V2Tweet) -> tuple[float, float] | None:
    if post.geo is None or post.geo.coordinates is None:
        return None
    return place_on_earth(post.geo.coordinates.coordinates)


def _withheld(withheld: V2Withheld | None) -> Withheld | None:
    if withheld is None or not (withheld.country_codes or withheld.copyright):
        return None
    return Withheld(
        countries(withheld.country_codes), bool(withheld.copyright), withheld.scope or ""
    )


def _media(item: V2Media) -> Media:
    picture = item.url or item.preview_image_url or ""
    return Media(
        type=item.type or "photo",
        url=pick_video(item.variants) or picture,
        preview_url=item.preview_image_url or picture,
        alt_text=item.alt_text or "",
        width=item.width,
        height=item.height,
        duration_ms=item.duration_ms,
    )


def user_from(user: V2User, raw: bytes) -> Account:
    """The record of one v2 account. Raises Unreadable without a usable id or name."""
    return Account(
        uid=required_id(user.id),
        name=user.username or "",
        display_name=user.name,
        protected=user.protected,
        verified=user.verified,
        description=user.description,
        location=user.location,
        url=user.url,
        profile_image_url=user.profile_image_url,
        created_at=account_date(user.created_at),
        withheld=_withheld(user.withheld),
        raw=raw,
        **_figures(user),
    )
