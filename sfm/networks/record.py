"""The records that adapters give: a post, an account, media and links, whatever the network.

Every text is ready for pages and databases: markup escapes undone, lone surrogates and NUL replaced
by U+FFFD. Every time is aware UTC; every id an int below 2^63. What a payload does not say is None
or empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from sfm.errors import SfmError

PostKind = Literal["post", "retweet", "reply", "quote"]
UnreadableReason = Literal["empty", "not_json", "too_deep", "not_a_post", "no_id", "id_too_large"]

MAX_ID = 2**63 - 1  # the largest that a BIGINT column holds


class Unreadable(SfmError):
    """These bytes hold no post (or account) that can be kept; `reason` says why in a word."""

    def __init__(self, reason: UnreadableReason, message: str) -> None:
        super().__init__(message, permanent=True)
        self.reason = reason


class Url(msgspec.Struct, frozen=True, gc=False):
    """A link as written in the post, where the network says it leads, and how it is shown.

    `unwound_url` is where the network came to when it followed further redirects.
    """

    url: str
    expanded_url: str = ""
    display_url: str = ""
    unwound_url: str = ""


class Media(msgspec.Struct, frozen=True, gc=False):
    """A picture, film or moving picture. `url` is the picture or the best film file known."""

    type: str  # photo, video, animated_gif
    url: str = ""
    preview_url: str = ""
    alt_text: str = ""
    page_url: str = ""
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


class PollOption(msgspec.Struct, frozen=True, gc=False):
    """One answer of a poll, and its votes at the moment it was fetched (None: not given)."""

    label: str
    votes: int | None = None


class Poll(msgspec.Struct, frozen=True, gc=False):
    """A poll; its question is the post's text. `ends_at` is aware UTC; `status` open or closed."""

    options: tuple[PollOption, ...]
    ends_at: datetime | None = None
    duration_minutes: int | None = None
    status: str = ""


class Withheld(msgspec.Struct, frozen=True, gc=False):
    """Where the network does not show it: country codes, XX for everywhere, XY for copyright."""

    countries: tuple[str, ...] = ()
    copyright: bool = False
    scope: str = ""


class Post(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One post. Figures of the author and counts are those of the moment it was fetched.

    `text` is the full text as a reader saw it; of a retweet it is "RT @name: " and the whole
    original, and hashtags, mentions, urls, media, polls and article are the original's as well.
    `text_is_cut` says that the network gave only the beginning.
    `entities_from_text`: hashtags, mentions and urls were read from the text by us, for the network
    gave none at all. `has_media` is also true of media that are named and did not come.
    """

    twitter_id: int
    created_at: datetime | None
    created_at_from_id: bool = False  # no readable date: taken from the id (None for old ids)
    text: str
    text_is_cut: bool = False
    kind: PostKind
    is_retweet_strict: bool
    is_retweet: bool
    lang: str | None = None
    source: str | None = None
    possibly_sensitive: bool | None = None
    withheld: Withheld | None = None

    author_uid: int | None = None
    screen_name: str | None = None
    author_name: str | None = None
    author_description: str | None = None
    author_location: str | None = None
    author_image_url: str | None = None
    author_created_at: datetime | None = None
    author_verified: bool | None = None
    author_protected: bool | None = None
    followers_count: int | None = None
    friends_count: int | None = None
    statuses_count: int | None = None
    listed_count: int | None = None

    retweet_count: int | None = None
    like_count: int | None = None
    reply_count: int | None = None
    quote_count: int | None = None
    bookmark_count: int | None = None
    impression_count: int | None = None

    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()  # screen names without @
    urls: tuple[Url, ...] = ()
    entities_from_text: bool = False
    media: tuple[Media, ...] = ()
    has_media: bool = False
    polls: tuple[Poll, ...] = ()
    article_title: str | None = None
    article_text: str | None = None  # the whole article, or its beginning where no more came
    coordinates: tuple[float, float] | None = None  # longitude, latitude
    place_name: str | None = None
    place_country_code: str | None = None

    conversation_id: int | None = None
    in_reply_to_id: int | None = None
    in_reply_to_uid: int | None = None
    in_reply_to_screen_name: str | None = None
    retweeted_id: int | None = None
    retweeted_uid: int | None = None
    retweeted_screen_name: str | None = None
    quoted_id: int | None = None
    quoted_screen_name: str | None = None
    quoted_text: str | None = None  # in full, where it came along
    quoted_media: tuple[Media, ...] = ()
    edit_history_ids: tuple[int, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One account as the network describes it now. `name`: without an @; `raw`: as received."""

    uid: int
    name: str
    display_name: str | None = None
    protected: bool | None = None
    verified: bool | None = None
    description: str | None = None
    location: str | None = None
    url: str | None = None
    profile_image_url: str | None = None
    created_at: datetime | None = None
    followers_count: int | None = None
    friends_count: int | None = None
    statuses_count: int | None = None
    listed_count: int | None = None
    withheld: Withheld | None = None
    raw: bytes = b""
