"""Response pages cut into self-contained records, byte for byte as received.

A v2 page shares its `includes` among all its posts. Each post gets a record of its own,
`{"data":…,"includes":…}` with only what belongs to it: the shape that streams send and that other
tools read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from sfm.messages import Message
from sfm.networks.page import Page, PageMeta, PartialError, PostRecord, RefusedElement
from sfm.networks.record import Account, Unreadable
from sfm.twitter.parse import v2, v2_content
from sfm.twitter.parse.lenient import decode, loads
from sfm.twitter.parse.payload_types import (
    PollShape,
    V2Includes,
    V2Media,
    V2Place,
    V2Tweet,
    V2User,
)
from sfm.twitter.parse.raw_json import AnswerParts, take_apart
from sfm.twitter.parse.tweet import parse_line, parse_user
from sfm.twitter.parse.values import row_id
from sfm.twitter.problems import read_problems

S = TypeVar("S", bound=msgspec.Struct)

_TOKEN = re.compile(rb'"([0-9A-Za-z_]+)"')
_NUMBER = re.compile(rb'"([0-9][0-9A-Za-z_]*)"')  # passes over all names of members
_NAME = re.compile(rb'"username"\s*:\s*"([0-9A-Za-z_]+)"')
_POST_KINDS = ("tweets", "posts")
_NONE: frozenset[int] = frozenset()


class UserPage(msgspec.Struct, frozen=True):
    """One answer of an account look-up."""

    users: tuple[Account, ...] = ()
    problems: tuple[PartialError, ...] = ()


def split_page(body: bytes) -> Page:
    """The records of one answer: a v2 page, a v1.1 list or search answer, or a single tweet.

    Raises Unreadable where the whole is not JSON; single bad elements are in `refused`.
    """
    parts = take_apart(body)
    if parts.elements is None:
        return _gather([_record(body.strip())], AnswerParts())
    if parts.is_v1 or parts.single:
        raws = [body.strip()] if parts.single else parts.elements
        return _gather([_record(raw) for raw in raws], parts)
    return _split_v2(parts)


def split_users(body: bytes) -> UserPage:
    """The accounts of one look-up answer. Raises Unreadable where the whole is not JSON."""
    parts = take_apart(body)
    users = []
    for raw in parts.elements or ():
        try:
            users.append(parse_user(raw))
        except Unreadable:
            continue
    return UserPage(tuple(users), read_problems({"errors": parts.errors}))


def _record(raw: bytes) -> PostRecord | RefusedElement:
    try:
        return PostRecord(raw, parse_line(raw))
    except Unreadable as why:
        return RefusedElement(raw, why.reason, why.message)


def _gather(
    elements: list[PostRecord | RefusedElement],
    parts: AnswerParts,
    unclaimed: tuple[bytes, ...] = (),
) -> Page:
    return Page(
        records=tuple(element for element in elements if isinstance(element, PostRecord)),
        meta=_meta(parts.meta),
        problems=read_problems({"errors": parts.errors}),
        refused=tuple(element for element in elements if isinstance(element, RefusedElement)),
        unclaimed=unclaimed,
    )


def _meta(raw: bytes) -> PageMeta:
    try:
        members = loads(raw)
    except Unreadable:
        return PageMeta()

    def text(name: str) -> str | None:
        value = members.get(name)
        return value if isinstance(value, str) and value else None

    count = members.get("result_count")
    return PageMeta(
        result_count=count if isinstance(count, int) else None,
        newest_id=row_id(text("newest_id")),
        oldest_id=row_id(text("oldest_id")),
        next_token=text("next_token"),
        previous_token=text("previous_token"),
    )


def _split_v2(parts: AnswerParts) -> Page:
    shelf = _Shelf(parts.includes)
    elements: list[PostRecord | RefusedElement] = []
    for raw in parts.elements or ():
        try:
            post = decode(raw, V2Tweet)
            if not v2.is_post(post):
                raise Unreadable("not_a_post", Message("This is JSON, but not a post."))
            tweet = v2.tweet_from(post, shelf.pool)
            elements.append(PostRecord(shelf.record(raw, post), tweet))
        except Unreadable as why:
            elements.append(RefusedElement(raw, why.reason, why.message))
    return _gather(elements, parts, shelf.unclaimed())


class _Shelf:
    """The includes of one page, found by the keys that posts name them with."""

    def __init__(self, includes: dict[str, list[bytes]]) -> None:
        typed = _typed(includes)
        self.pool = v2_content.Pool(typed)
        self.items = [(kind, raw) for kind, raws in includes.items() for raw in raws]
        self.posts = {n for n, (kind, _raw) in enumerate(self.items) if kind in _POST_KINDS}
        self.taken: set[int] = set()
        self.by_key: dict[bytes, set[int]] = {}
        self.by_name: dict[bytes, set[int]] = {}
        self.keys: list[str | None] = []
        for number, (key, name) in enumerate(_keys(includes, typed)):
            self.keys.append(key)
            self.by_key.setdefault((key or "").encode("utf-8", "replace"), set()).add(number)
            if name:
                lower = name.lower().encode("utf-8", "replace")
                self.by_name.setdefault(lower, set()).add(number)
        self.known = frozenset(self.by_key) - {b""}
        by_number = all(key[:1].isdigit() for key in self.known)  # all but those of places are
        self.token = _NUMBER if by_number else _TOKEN
        self.needs: dict[int, set[int]] = {}  # of posts that came along, by their numbers

    def record(self, raw: bytes, post: V2Tweet) -> bytes:
        """This post with its own includes, every part in the bytes it came in."""
        kinds: dict[str, list[bytes]] = {}
        for number in sorted(self._claim(raw, post)):
            kind, item = self.items[number]
            kinds.setdefault(kind, []).append(item)
        if not kinds:
            return b'{"data":' + raw + b"}"
        lists = [
            msgspec.json.encode(kind) + b":[" + b",".join(items) + b"]"
            for kind, items in kinds.items()
        ]
        return b'{"data":' + raw + b',"includes":{' + b",".join(lists) + b"}}"

    def unclaimed(self) -> tuple[bytes, ...]:
        return tuple(
            raw for number, (_kind, raw) in enumerate(self.items) if number not in self.taken
        )

    def _claim(self, raw: bytes, post: V2Tweet) -> set[int]:
        """Numbers of what this post names, and of what the posts that it names need."""
        references = v2.reference_ids(post)
        own = self._named_in(raw)
        root = post.conversation_id or ""
        if root not in references:
            own -= self._posts_of(root)  # it begins the talk, and is not this post's own
        same = self._posts_of(post.id or "")
        own -= same  # an expanded edit history holds the post itself once more
        own |= self._quoted_by(own) - same
        for number in own & self.posts:
            own |= self._needs_of(number)
        self.taken |= own
        self.taken |= same
        return own

    def _posts_of(self, key: str) -> set[int]:
        return self.posts & self.by_key.get(key.encode("utf-8", "replace"), _NONE)

    def _quoted_by(self, own: set[int]) -> set[int]:
        """Posts that the posts among these refer to: a retweet may pass on a quote."""
        quoted: set[int] = set()
        for number in own & self.posts:
            for reference in v2.reference_ids(self.pool.tweets[self.keys[number]]):
                quoted |= self._posts_of(reference)
        return quoted

    def _needs_of(self, number: int) -> set[int]:
        """What a post that came along names, other posts left out."""
        needs = self.needs.get(number)
        if needs is None:
            needs = self.needs[number] = self._named_in(self.items[number][1]) - self.posts
        return needs

    def _named_in(self, raw: bytes) -> set[int]:
        named: set[int] = set()
        for key in self.known.intersection(self.token.findall(raw)):
            named |= self.by_key[key]
        if b'"username"' in raw:
            for name in _NAME.findall(raw):
                named |= self.by_name.get(name.lower(), _NONE)
        return named


def _keys(
    includes: dict[str, list[bytes]], typed: V2Includes
) -> Iterator[tuple[str | None, str | None]]:
    """Key and, for accounts, name of every included object, in the order of the answer."""
    for kind, raws in includes.items():
        shapes: list[Any] | None = getattr(typed, kind, None)
        for number, raw in enumerate(raws):
            if shapes is None:
                yield _key_of(raw), None
            else:
                shape = shapes[number]
                key = shape.media_key if kind == "media" else shape.id
                yield key, shape.username if kind == "users" else None


def _key_of(raw: bytes) -> str:
    """The id of an object of a kind that we do not read, as topics."""
    try:
        return str(loads(raw).get("id") or "")
    except Unreadable:
        return ""


def _typed(includes: dict[str, list[bytes]]) -> V2Includes:
    return V2Includes(
        users=_shapes(includes, "users", V2User),
        tweets=_shapes(includes, "tweets", V2Tweet),
        posts=_shapes(includes, "posts", V2Tweet),
        media=_shapes(includes, "media", V2Media),
        places=_shapes(includes, "places", V2Place),
        polls=_shapes(includes, "polls", PollShape),
    )


def _shapes(includes: dict[str, list[bytes]], kind: str, shape: type[S]) -> list[S]:
    shapes = []
    for raw in includes.get(kind, ()):
        try:
            shapes.append(decode(raw, shape))
        except Unreadable:
            shapes.append(shape())
    return shapes
