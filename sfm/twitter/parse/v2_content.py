"""What a v2 post holds: its whole text and entities, what came along with it, media and polls."""

from __future__ import annotations

import re

from sfm.twitter.parse.payload_types import (
    PollShape,
    V2Entities,
    V2Includes,
    V2Media,
    V2Mention,
    V2Tag,
    V2Tweet,
    V2Url,
)
from sfm.twitter.parse.text_entities import read_entities
from sfm.twitter.parse.values import unescape

_MEDIA_PAGE = re.compile(
    r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/[^/]+/status/\d+/(?:photo|video)/\d+"
)


class Pool:
    """What came along with a post: accounts, posts, media, places and polls by their keys."""

    __slots__ = ("media", "places", "polls", "tweets", "users")

    def __init__(self, includes: V2Includes | None) -> None:
        if includes is None:
            includes = V2Includes()
        self.users = {user.id: user for user in includes.users or ()}
        self.media = {item.media_key: item for item in includes.media or ()}
        self.places = {place.id: place for place in includes.places or ()}
        self.polls = {poll.id: poll for poll in includes.polls or ()}
        self.tweets = {post.id: post for post in includes.tweets or ()}
        if includes.posts:
            self.tweets.update({post.id: post for post in includes.posts})


def full_text(post: V2Tweet) -> str:
    """The whole text with HTML escapes as Twitter sent it; entity offsets count in it."""
    note = post.note_tweet or post.note_post
    return note.text if note and note.text is not None else post.text or ""


def full_entities(post: V2Tweet) -> V2Entities:
    """The entities that belong to `full_text`: those of `entities` cover 280 characters only.

    Read from the text where the payload has none at all; an empty object is X's word, and stays.
    """
    given = _given_entities(post)
    return _from_text(full_text(post)) if given is None else given


def _given_entities(post: V2Tweet) -> V2Entities | None:
    note = post.note_tweet or post.note_post
    if note and note.text is not None and note.entities is not None:
        return note.entities
    return post.entities


def _from_text(text: str) -> V2Entities:
    entities = V2Entities(hashtags=[], mentions=[], urls=[])
    for kind, start, end, name in read_entities(text):
        if kind == "hashtag" and entities.hashtags is not None:
            entities.hashtags.append(V2Tag(start=start, end=end, tag=name))
        elif kind == "mention" and entities.mentions is not None:
            entities.mentions.append(V2Mention(start=start, end=end, username=name))
        elif entities.urls is not None:
            expanded = unescape(name) if "&" in name else None
            entities.urls.append(V2Url(start=start, end=end, url=name, expanded_url=expanded))
    return entities


def entities_are_from_text(post: V2Tweet) -> bool:
    """Whether mentions, tags or links were read from the text, X having given none."""
    return _given_entities(post) is None and bool(read_entities(full_text(post)))


def is_media_link(link: V2Url) -> bool:
    """Whether this is the post's own picture or film, which v2 lists among the links."""
    return bool(link.media_key) or bool(
        link.expanded_url and _MEDIA_PAGE.fullmatch(link.expanded_url)
    )


def mention_name(mention: V2Mention) -> str | None:
    return mention.username or mention.tag


def media_of(post: V2Tweet, pool: Pool) -> list[V2Media]:
    """The pictures and films that came along, those of its article last."""
    attachments = post.attachments
    if attachments is not None and attachments.media:
        return attachments.media
    if not pool.media:
        return []
    media = (pool.media.get(key) for key in media_keys(post))
    return [item for item in media if item is not None]


def media_keys(post: V2Tweet) -> list[str]:
    """The keys of all media that the post names, whether they came along or not; each once."""
    keys: list[str] = []
    if post.attachments is not None and post.attachments.media_keys:
        keys += post.attachments.media_keys
    article = post.article
    if article is not None:
        keys += [article.cover_media] if article.cover_media else []
        keys += article.media_entities or ()
    given = _given_entities(post)
    if given is not None and given.urls:
        keys += [link.media_key for link in given.urls if link.media_key]
    return list(dict.fromkeys(keys)) if len(keys) > 1 else keys


def links_beside_media(urls: list[V2Url] | None, media: list[V2Media]) -> list[V2Url]:
    """A post's links without those that lead to its own `media`, which came along."""
    if not urls:
        return []
    arrived = {item.media_key for item in media}
    links: list[V2Url] = []
    shown: set[str | None] = set()
    for link in urls:
        if is_media_link(link):
            has_come = bool(arrived) and (not link.media_key or link.media_key in arrived)
            if has_come or link.url in shown:  # named once for each of several pictures
                continue
            shown.add(link.url)
        links.append(link)
    return links


def polls_of(post: V2Tweet, pool: Pool) -> list[PollShape]:
    """The polls that came along with the post."""
    attachments = post.attachments
    if attachments is None:
        return []
    if attachments.poll_ids and pool.polls:
        polls = (pool.polls.get(key) for key in attachments.poll_ids)
        return [poll for poll in polls if poll is not None]
    return [attachments.poll] if attachments.poll else []
