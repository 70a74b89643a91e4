"""From received bytes to typed records, whichever version and words of the API wrote them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sfm.messages import Message
from sfm.networks.record import Account, Post, Unreadable
from sfm.twitter.parse import v1, v2, v2_content
from sfm.twitter.parse.lenient import decode
from sfm.twitter.parse.payload_types import V1Tweet, V1User, V2Record, V2Tweet, V2User


class ParsedPost(NamedTuple):
    """A v2 post and what came along with it."""

    post: V2Tweet
    pool: v2_content.Pool


def parse_line(line: bytes) -> Post:
    """The tweet in these bytes: a v1.1 object, a v2 record or twarc's flattened form.

    A v2 record is `{"data":{…},"includes":{…}}`, as streams send it and as pages are cut up.
    Raises Unreadable, with the reason, where they hold no tweet that can be kept.
    """
    opened = open_line(line)
    return v2.tweet_from(*opened) if isinstance(opened, ParsedPost) else v1.tweet_from(opened)


def open_line(line: bytes) -> V1Tweet | ParsedPost:
    """The payload in these bytes, as X shaped it. Raises Unreadable."""
    for read in _readers(line):
        payload = read(line)
        if payload is not None:
            return payload
    raise Unreadable("not_a_post", Message("This is JSON, but not a post."))


def _readers(line: bytes) -> tuple[Callable[[bytes], V1Tweet | ParsedPost | None], ...]:
    """The likeliest first. A key cannot be faked by a text, where its quotes would be escaped."""
    if line.startswith(b'{"data":'):
        return (_v2_record, _v1, _flattened)
    if b'"id_str"' in line:
        return (_v1, _v2_record, _flattened)
    if b'"author_id"' in line:
        return (_flattened, _v2_record, _v1)
    return (_v1, _v2_record, _flattened)


def _v1(line: bytes) -> V1Tweet | None:
    status = decode(line, V1Tweet)
    return status if v1.is_tweet(status) else None


def _v2_record(line: bytes) -> ParsedPost | None:
    record = decode(line, V2Record)
    if record.data is None or not v2.is_post(record.data):
        return None
    return ParsedPost(record.data, v2_content.Pool(record.includes))


def _flattened(line: bytes) -> ParsedPost | None:
    post = decode(line, V2Tweet)
    return ParsedPost(post, v2_content.Pool(None)) if v2.is_post(post) else None


def parse_user(raw: bytes) -> Account:
    """The account in these bytes, v1.1 or v2; `raw` is kept in it. Raises Unreadable."""
    if b'"screen_name"' in raw:
        old = decode(raw, V1User)
        if old.screen_name:
            return v1.user_from(old, raw)
    new = decode(raw, V2User)
    if not new.username:
        raise Unreadable("not_a_post", Message("This is JSON, but not an account with a name."))
    return v2.user_from(new, raw)
