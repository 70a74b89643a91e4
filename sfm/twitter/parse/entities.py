"""One tweet for a page: its text cut into pieces to link, and the tweets it refers to.

Offsets count code points in the text with Twitter's HTML escapes, so pieces are cut first and
unescaped after. Offsets that do not fit (some tools count UTF-16 units or bytes) are not trusted:
the piece is looked for by its words, and left plain if it is not there. Nothing here is HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from sfm.networks.record import Post, Unreadable
from sfm.twitter.parse import v1, v2, v2_content
from sfm.twitter.parse.payload_types import V1Tweet, V2Entities, V2Tweet
from sfm.twitter.parse.tweet import ParsedPost, open_line
from sfm.twitter.parse.values import row_id, unescape

SegmentKind = Literal["plain", "hashtag", "mention", "url", "media", "cashtag"]
ReferenceKind = Literal["retweeted", "quoted", "replied_to"]

_REFERENCES: dict[str, ReferenceKind] = {
    "retweeted": "retweeted",
    "quoted": "quoted",
    "replied_to": "replied_to",
}


class Segment(msgspec.Struct, frozen=True):
    """A piece of the text, unescaped. `name`: the tag or screen name without its sign.

    For links `text` is what Twitter shows, `url` the address in the tweet and `expanded_url`
    where Twitter says it leads; whoever makes a link of it checks the scheme.
    """

    kind: SegmentKind
    text: str
    name: str = ""
    url: str = ""
    expanded_url: str = ""


class DisplayText(msgspec.Struct, frozen=True):
    """The whole text, piece by piece in reading order."""

    segments: tuple[Segment, ...] = ()


class Referenced(msgspec.Struct, frozen=True):
    """A tweet that this one passes on, quotes or answers; `tweet` is None if it did not come."""

    kind: ReferenceKind
    twitter_id: int
    tweet: Post | None = None


class _Span(NamedTuple):
    start: int | None
    end: int | None
    words: tuple[str, ...]  # what has to stand there; the first that fits
    segment: Segment


def entities(raw: bytes) -> DisplayText:
    """The text of the tweet in these bytes, cut for linking. Raises Unreadable."""
    opened = open_line(raw)
    return DisplayText(tuple(_of_v2(*opened) if isinstance(opened, ParsedPost) else _of_v1(opened)))


def referenced(raw: bytes) -> tuple[Referenced, ...]:
    """The tweets that the one in these bytes refers to. Raises Unreadable."""
    opened = open_line(raw)
    references = _refs_v2(*opened) if isinstance(opened, ParsedPost) else _refs_v1(opened)
    return tuple(references)


def _of_v1(status: V1Tweet) -> Iterator[Segment]:
    original = status.retweeted_status
    prefix = v1.retweet_prefix(status, original) if original is not None else ""
    if original is not None and prefix and v1.is_tweet(original):
        yield from _retweet_opening(prefix)
        status = original
    yield from _cut(v1.full_text(status), _spans_v1(status))


def _of_v2(post: V2Tweet, pool: v2_content.Pool) -> Iterator[Segment]:
    for reference in post.referenced_tweets or post.referenced_posts or ():
        original = v2.resolve(reference, pool) if reference.type == "retweeted" else None
        prefix = v2.retweet_prefix(post, original, pool) if original else ""
        if original is not None and prefix:
            yield from _retweet_opening(prefix)
            post = original
            break
    yield from _cut(v2_content.full_text(post), _spans_v2(v2_content.full_entities(post)))


def _retweet_opening(prefix: str) -> Iterator[Segment]:
    name = prefix[4:-2]
    yield Segment("plain", "RT ")
    yield Segment("mention", f"@{name}", name=name)
    yield Segment("plain", ": ")


def _spans_v1(status: V1Tweet) -> Iterator[_Span]:
    entities = v1.full_entities(status)
    for tag in entities.hashtags or ():
        yield _tag("hashtag", "#＃", tag.text, *_pair(tag.indices))
    for tag in entities.symbols or ():
        yield _tag("cashtag", "$", tag.text, *_pair(tag.indices))
    for mention in entities.user_mentions or ():
        yield _tag("mention", "@＠", mention.screen_name, *_pair(mention.indices))
    for link in entities.urls or ():
        yield _link("url", link.url, link.expanded_url, link.display_url, *_pair(link.indices))
    for item in v1.all_media(status)[:1] or entities.media or ():
        yield _link("media", item.url, item.expanded_url, item.display_url, *_pair(item.indices))


def _spans_v2(entities: V2Entities) -> Iterator[_Span]:
    for tag in entities.hashtags or ():
        yield _tag("hashtag", "#＃", tag.tag, tag.start, tag.end)
    for tag in entities.cashtags or ():
        yield _tag("cashtag", "$", tag.tag, tag.start, tag.end)
    for mention in entities.mentions or ():
        yield _tag("mention", "@＠", v2_content.mention_name(mention), mention.start, mention.end)
    for link in entities.urls or ():
        kind: SegmentKind = "media" if v2_content.is_media_link(link) else "url"
        yield _link(kind, link.url, link.expanded_url, link.display_url, link.start, link.end)


def _pair(indices: list[int] | None) -> tuple[int | None, int | None]:
    return (indices[0], indices[1]) if indices and len(indices) > 1 else (None, None)


def _tag(
    kind: SegmentKind, signs: str, name: str | None, start: int | None, end: int | None
) -> _Span:
    words = tuple(sign + name for sign in signs) if name else ()
    return _Span(start, end, words, Segment(kind, "", name=name or ""))


def _link(
    kind: SegmentKind,
    url: str | None,
    expanded: str | None,
    shown: str | None,
    start: int | None,
    end: int | None,
) -> _Span:
    words = tuple(word for word in (url, shown) if word)
    text = shown or expanded or url or ""
    return _Span(start, end, words, Segment(kind, text, url=url or "", expanded_url=expanded or ""))


def _cut(text: str, spans: Iterable[_Span]) -> Iterator[Segment]:
    """The pieces in order. Of spans that overlap, the one that starts first stays."""
    placed = sorted(_place(text, list(spans)), key=lambda placed_span: placed_span[:2])
    at = 0
    for start, end, segment in placed:
        if start < at:
            continue
        if start > at:
            yield Segment("plain", unescape(text[at:start]))
        shown = segment.text or text[start:end]
        yield msgspec.structs.replace(segment, text=unescape(shown))
        at = end
    if at < len(text):
        yield Segment("plain", unescape(text[at:]))


def _place(text: str, spans: list[_Span]) -> Iterator[tuple[int, int, Segment]]:
    folded = text.lower() if len(text.lower()) == len(text) else text
    taken: set[int] = set()
    for span in spans:
        place = _where(text, folded, span, taken)
        if place is not None:
            taken.add(place[0])
            yield *place, span.segment


def _where(text: str, folded: str, span: _Span, taken: set[int]) -> tuple[int, int] | None:
    start, end = span.start, span.end
    words = [word.lower() for word in span.words]
    if start is not None and end is not None and 0 <= start < end <= len(text):
        if folded[start:end].lower() in words:
            return start, end
    for word in words:
        at = folded.find(word)
        while at >= 0:
            if at not in taken:
                return at, at + len(word)
            at = folded.find(word, at + 1)
    return None


def _refs_v1(status: V1Tweet) -> Iterator[Referenced]:
    original = status.retweeted_status
    if original is not None:
        yield from _reference("retweeted", row_id(original.id_str, original.id), original)
    quoting = original if original is not None and status.quoted_status is None else status
    quoted_id = row_id(quoting.quoted_status_id_str, quoting.quoted_status_id)
    if quoted_id is None and quoting.quoted_status is not None:
        quoted_id = row_id(quoting.quoted_status.id_str, quoting.quoted_status.id)
    yield from _reference("quoted", quoted_id, quoting.quoted_status)
    reply_id = row_id(status.in_reply_to_status_id_str, status.in_reply_to_status_id)
    yield from _reference("replied_to", reply_id, None)


def _reference(
    kind: ReferenceKind, twitter_id: int | None, status: V1Tweet | None
) -> Iterator[Referenced]:
    if twitter_id is not None:
        whole = v1.tweet_from(status) if status is not None and v1.is_tweet(status) else None
        yield Referenced(kind, twitter_id, whole)


def _refs_v2(post: V2Tweet, pool: v2_content.Pool) -> Iterator[Referenced]:
    for reference in post.referenced_tweets or post.referenced_posts or ():
        twitter_id = row_id(reference.id)
        if twitter_id is None:
            continue
        original = v2.resolve(reference, pool)
        kind = _REFERENCES.get(reference.type or "")
        if kind:
            yield Referenced(kind, twitter_id, _tweet(original, pool))
        if reference.type == "retweeted" and original is not None:
            yield from (ref for ref in _refs_v2(original, pool) if ref.kind == "quoted")


def _tweet(post: V2Tweet | None, pool: v2_content.Pool) -> Post | None:
    try:
        return v2.tweet_from(post, pool) if post is not None else None
    except Unreadable:
        return None
