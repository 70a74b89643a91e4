"""When X does not take the words of a call: the other vocabulary, once, and a sentence for it."""

from __future__ import annotations

import logging

from sfm.messages import Message
from sfm.networks.errors import BadRequest
from sfm.twitter.fields import Dialect

logger = logging.getLogger(__name__)

_WORD_PARAMETERS = frozenset(
    {"tweet.fields", "post.fields", "user.fields", "expansions", "search_count.fields"}
)


def is_about_words(refusal: BadRequest) -> bool:
    """Whether it is the names of fields or expansions that were refused."""
    return not _WORD_PARAMETERS.isdisjoint(refusal.parameters)


def other_than(dialect: Dialect) -> Dialect:
    """The other of X's two vocabularies."""
    return "tweet" if dialect == "post" else "post"


def warn_of(dialect: Dialect) -> None:
    """Log that calls are made in another vocabulary than the setting says."""
    logger.warning(
        'X takes no %s words; calls are made in %s words. Set TWITTER_DIALECT = "%s"',
        other_than(dialect), dialect, dialect,
    )  # fmt: skip


def neither_is_taken(refusal: BadRequest) -> BadRequest:
    """The error where X takes the words of neither vocabulary; `refusal` is its first answer."""
    return BadRequest(
        Message(
            "Twitter takes the names of fields neither in its older words (tweet) nor in its newer "
            "ones (post). Check the setting TWITTER_DIALECT, and whether this program has a newer "
            "version."
        ),
        parameters=refusal.parameters,
        detail=refusal.detail,
        status=refusal.status,
    )
