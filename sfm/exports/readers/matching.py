"""Whether a tweet that is not in the database is as a selection asks. The same rules as there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from sfm.models import TwitterUser
from sfm.networks.record import Tweet
from sfm.posts.search_query import AllOf, Node, OneOf, SearchTerm
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection
from sfm.posts.tokenizer import words_of

NOBODY = 0  # stands for the number of an account that is not ours


def matcher(connection: Connection, selection: Selection) -> Callable[[Tweet], bool]:
    """A test of one tweet. Accounts that the selection names are looked up now."""
    uids = _uids(connection, selection)
    ids = frozenset(selection.ids)
    first, behind = selection.moments
    by, not_by = selection.query.by, selection.query.not_by

    def matches(tweet: Tweet) -> bool:
        at, name = tweet.created_at, (tweet.screen_name or "").lower()
        return not (
            (first is not None and (at is None or at < first))
            or (behind is not None and (at is None or at >= behind))
            or (uids is not None and tweet.author_uid not in uids and not (by and name in by))
            or (name in not_by)
            or (ids and tweet.twitter_id not in ids)
            or not _is_of_kind(tweet, selection)
            or not _holds_text(tweet, selection)
        )

    return matches


def _uids(connection: Connection, selection: Selection) -> frozenset[int] | None:
    accounts = scope_of(connection, selection).accounts
    if accounts is None:
        return None
    found: set[int] = set()
    for start in range(0, len(accounts), 500):
        part = accounts[start : start + 500]
        rows = connection.scalars(select(TwitterUser.uid).where(TwitterUser.id.in_(part)))
        found.update(uid for uid in rows if uid is not None)
    return frozenset(found)


def _is_of_kind(tweet: Tweet, selection: Selection) -> bool:
    is_retweet = tweet.kind == "retweet"
    return not (
        (selection.kinds and tweet.kind not in selection.kinds)
        or (selection.retweets == "no" and is_retweet)
        or (selection.retweets == "only" and not is_retweet)
        or (selection.lang and (tweet.lang or "").lower() != selection.lang.lower())
        or (selection.has_link is not None and bool(tweet.urls) != selection.has_link)
        or (selection.has_media is not None and bool(tweet.media) != selection.has_media)
    )


def _holds_text(tweet: Tweet, selection: Selection) -> bool:
    node = selection.query.node
    if node is None:
        return True
    words = words_of(tweet.text, tweet.hashtags, tweet.mentions, NOBODY, tweet.lang or "")
    return holds(node, [*words.body.split(), "", *words.marks.split()])


def holds(node: Node, words: Sequence[str]) -> bool:
    """Whether a search's meaning is met by these words, in their order."""
    if isinstance(node, SearchTerm):
        return _holds_term(node, words)
    if isinstance(node, OneOf):
        return any(holds(part, words) for part in node.parts)
    assert isinstance(node, AllOf)  # noqa: S101  (the last kind there is)
    return all(holds(part, words) for part in node.parts) and not any(
        holds(part, words) for part in node.without
    )


def _holds_term(term: SearchTerm, words: Sequence[str]) -> bool:
    *firsts, last = term.words
    for place in range(len(words) - len(firsts)):
        end = words[place + len(firsts)]
        fits = end.startswith(last) if term.beginning else end == last
        if fits and list(words[place : place + len(firsts)]) == firsts:
            return True
    return False
