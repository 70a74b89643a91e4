"""Deleting an account with its tweets: the tweets, their words in the index, and all counts."""

from __future__ import annotations

from sqlalchemy import delete

from sfm import audit
from sfm.database import db
from sfm.models import TwitterUser
from sfm.posts.delete import delete_items_of


def remove_account(twitter_user: TwitterUser) -> int:
    """Delete an account and its tweets; how many tweets went. Flushes; the caller commits.

    Call `begin_write` first. On PostgreSQL writers of tweets wait until the caller commits.
    """
    user_id, name = twitter_user.id, twitter_user.name
    gone = delete_items_of(user_id)
    audit.record(
        "twitter_user.deleted", kind="twitter_user", subject_id=user_id, subject=name,
        before={"tweets": gone},
    )  # fmt: skip
    db.session.execute(delete(TwitterUser).where(TwitterUser.id == user_id))
    db.session.flush()
    return gone
