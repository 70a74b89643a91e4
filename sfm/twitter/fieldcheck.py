"""Whether Twitter still gives what captures ask for: an unknown field name is passed over silently.

Run at start-up or by hand on one long post that is known to exist.
"""

from __future__ import annotations

from sfm.twitter.client import Client
from sfm.twitter.parse.tweet import ParsedPost, open_line
from sfm.twitter.parse.v2 import author_of
from sfm.twitter.parse.v2_content import full_text

_LONG = 280


def missing_fields(client: Client, post_id: int) -> tuple[str, ...]:
    """Names of what is absent from this long post, in tweet words; empty if all is well.

    One call. Raises NetworkError for trouble, and returns ("post",) where there is no such post.
    """
    for page in client.posts_by_id([post_id]):
        for record in page.records:
            return missing_in(record.raw)
    return ("post",)


def missing_in(raw: bytes) -> tuple[str, ...]:
    """The same for a record at hand. Raises Unreadable."""
    opened = open_line(raw)
    if not isinstance(opened, ParsedPost):
        return ("post",)
    post, pool = opened
    there = {
        "text": post.text,
        "created_at": post.created_at,
        "author_id": post.author_id,
        "author": author_of(post, pool),
        "conversation_id": post.conversation_id,
        "lang": post.lang,
        "public_metrics": post.public_metrics,
        "edit_history_tweet_ids": post.edit_history_tweet_ids or post.edit_history_post_ids,
        "note_tweet": len(full_text(post)) > _LONG or None,
    }
    return tuple(name for name, value in there.items() if value is None)
