"""What is left of a record when posts must go: nothing, the record without copies, or all. Pure.

Known are v2 records (tweet and post words), twarc's flattened form, and v1.1 tweets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sfm.removals.id_search import IdSearch

INCLUDED = ("tweets", "posts")
REFERENCES = ("referenced_tweets", "referenced_posts")
INSIDE = ("quoted_status", "retweeted_status")
ATTACHED = (("media", "media_key", "media_keys"), ("polls", "id", "poll_ids"))


@dataclass(frozen=True)
class RemovedIds:
    """The posts that have to go."""

    ids: frozenset[int]
    pattern: IdSearch = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", IdSearch(self.ids))

    def names_any(self, raw: bytes) -> bool:
        """Whether one of the ids stands in these bytes; quick."""
        return self.pattern.search(raw)


def redact(raw: bytes, removed: RemovedIds) -> bytes | None:
    """The record without these posts: None if it is one, or passes one on; else what is left.

    Where nothing is cut out, the very bytes that came in. A quote or an answer keeps its own text
    and the id that it points to. A record that names one and cannot be read goes too.
    """
    if not removed.names_any(raw):
        return raw
    try:
        record = json.loads(raw)
        before = json.dumps(record)
        if not isinstance(record, dict) or _is_gone(_post_in(record), removed.ids):
            return None
        _cut(record, removed.ids)
        after = json.dumps(record)
    except (ValueError, RecursionError):
        return None
    return raw if after == before else after.encode()


def _post_in(record: dict[str, Any]) -> Any:
    """The post itself; of Twitter's old notices of deletion, what they name."""
    notice = record.get("delete")
    if isinstance(notice, dict):
        return notice.get("status")
    return record["data"] if isinstance(record.get("data"), dict) else record


def _is_gone(post: Any, ids: frozenset[int]) -> bool:
    """Whether this is one of them, or a retweet of one."""
    if not isinstance(post, dict):
        return False
    if _id_of(post) in ids or _is_gone(post.get("retweeted_status"), ids):
        return True
    return any(ref.get("type") == "retweeted" and _id_of(ref) in ids for ref in _references(post))


def _id_of(thing: dict[str, Any]) -> int | None:
    given = str(thing.get("id_str") or thing.get("id") or "")
    return int(given) if given.isascii() and given.isdigit() else None


def _references(post: dict[str, Any]) -> list[dict[str, Any]]:
    return [ref for name in REFERENCES for ref in _dicts(post.get(name))]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _cut(record: dict[str, Any], ids: frozenset[int]) -> None:
    """Take copies out of a record that itself stays."""
    post = _post_in(record)
    for holder in (post, *_inside(post)):
        for name in INSIDE:
            if _is_gone(holder.get(name), ids):
                del holder[name]
    for ref in _references(post):
        if _is_gone(ref, ids):
            for name in set(ref) - {"type", "id"}:
                del ref[name]
    if isinstance(record.get("includes"), dict):
        _cut_includes(post, record["includes"], ids)


def _inside(post: dict[str, Any]) -> list[dict[str, Any]]:
    """v1.1 posts within this one, at any depth."""
    own = [post[name] for name in INSIDE if isinstance(post.get(name), dict)]
    return own + [deeper for inner in own for deeper in _inside(inner)]


def _cut_includes(post: dict[str, Any], includes: dict[str, Any], ids: frozenset[int]) -> None:
    """Take out posts that came along, with pictures and polls that only they have."""
    gone = [
        included
        for name in INCLUDED
        for included in _dicts(includes.get(name))
        if _is_gone(included, ids)
    ]
    if not gone:
        return
    for name in INCLUDED:
        if isinstance(includes.get(name), list):
            includes[name] = [included for included in includes[name] if included not in gone]
    left = [post, *(included for name in INCLUDED for included in _dicts(includes.get(name)))]
    for name, key, keys in ATTACHED:
        orphans = _attached(gone, keys) - _attached(left, keys)
        if isinstance(includes.get(name), list):
            kept = [
                included for included in _dicts(includes[name]) if included.get(key) not in orphans
            ]
            includes[name] = kept


def _attached(posts: list[dict[str, Any]], keys: str) -> set[str]:
    attached = [post.get("attachments") for post in posts]
    attached_keys = {
        str(key)
        for attachments in attached
        if isinstance(attachments, dict)
        for key in attachments.get(keys) or ()
    }
    return attached_keys | (_of_articles(posts) if keys == "media_keys" else set())


def _of_articles(posts: list[dict[str, Any]]) -> set[str]:
    """The keys of pictures in articles that these posts carry."""
    keys: set[str] = set()
    for article in (post.get("article") for post in posts):
        if isinstance(article, dict):
            keys |= {str(key) for key in article.get("media_entities") or ()}
            keys.add(str(article.get("cover_media")))
    return keys
