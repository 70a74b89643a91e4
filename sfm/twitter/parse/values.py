"""Small readings that v1.1 and v2 share: ids, dates, texts, places. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sfm import clock
from sfm.messages import Message
from sfm.networks.record import MAX_ID, Poll, PollOption, PostKind, Unreadable
from sfm.twitter.parse.payload_types import PollShape, Variant

_FIRST_YEAR = 2006  # Twitter's first; withheld tweets come dated 1970
_RETWEET_OPENING = re.compile(r"RT @\w{1,20}: ")


def row_id(text: str | None, number: int | None = None) -> int | None:
    """An id as an int below 2^63, from its text before its number; None for anything else.

    The number is second choice: JavaScript tools round it.
    """
    if text is not None and text.isascii() and text.isdigit():
        number = int(text) if len(text) < 20 else MAX_ID + 1
    return number if number is not None and 0 < number <= MAX_ID else None


def required_id(text: str | None, number: int | None = None) -> int:
    """As `row_id`, but raises Unreadable and names the id where it is missing or too large."""
    valid_id = row_id(text, number)
    if valid_id is not None:
        return valid_id
    written = text or ("" if number is None else str(number))
    if written.isascii() and written.isdigit() and int(written[:40]) > MAX_ID:
        raise Unreadable(
            "id_too_large",
            Message("The id %(written)s is too large to be a Twitter id.", written=written[:40]),
        )
    raise Unreadable(
        "no_id",
        Message("“%(written)s” is no Twitter id.", written=written[:40])
        if written
        else Message("This has no id."),
    )


def parse_date(text: str | None) -> datetime | None:
    """X's dates, `Wed Oct 10 20:19:24 +0000 2018` or ISO 8601, as aware UTC; else None."""
    if not text:
        return None
    try:
        if text[-1] == "Z":
            moment = datetime.fromisoformat(text)
        elif len(text) == 30 and text[20:26] == "+0000 ":
            moment = datetime(
                int(text[26:]),
                clock.MONTHS.index(text[4:7]) + 1,
                int(text[8:10]),
                int(text[11:13]),
                int(text[14:16]),
                min(int(text[17:19]), 59),
                tzinfo=UTC,
            )
        else:
            moment = _patiently(text)
    except (ValueError, KeyError, OverflowError):
        return None
    return moment if moment.year >= _FIRST_YEAR else None


# When an account was made stands in each of its tweets.
account_date = lru_cache(maxsize=4096)(parse_date)


def _patiently(text: str) -> datetime:
    try:
        return clock.parse_twitter(text)
    except ValueError:
        return clock.parse_iso(text)


def when(text: str | None, twitter_id: int) -> tuple[datetime | None, bool]:
    """When a tweet was made, and whether its id had to tell because the date does not."""
    moment = parse_date(text)
    return (moment, False) if moment else (clock.snowflake_time(twitter_id), True)


def unescape(text: str) -> str:
    """Twitter's own escapes undone, and no others: it writes &amp; &lt; &gt; in a tweet's text."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def is_loose_retweet(text: str) -> bool:
    """Retweets made by hand: starts with "RT ", or holds " RT " without asking for one."""
    low = text.lower()
    if low.startswith("rt "):
        return True
    return " rt " in low and not any(ask in low for ask in ("please rt", "pls rt", "plz rt"))


def retweet_opening(name: str | None, own_text: str | None) -> str:
    """ "RT @name: " by the original's author, or else as the retweet's own words begin."""
    if name:
        return f"RT @{name}: "
    opening = _RETWEET_OPENING.match(own_text or "")
    return opening[0] if opening else ""


def kind_of(retweet: bool, quote: bool, reply: bool) -> PostKind:
    return "retweet" if retweet else "quote" if quote else "reply" if reply else "post"


def place_on_earth(numbers: list[float] | None) -> tuple[float, float] | None:
    """(longitude, latitude), or None where the numbers are not on this planet."""
    if not numbers or len(numbers) < 2:
        return None
    longitude, latitude = numbers[0], numbers[1]
    if -180 <= longitude <= 180 and -90 <= latitude <= 90:
        return longitude, latitude
    return None


def countries(where: Any) -> tuple[str, ...]:
    """Country codes from a list, or from the comma list of old streams."""
    if isinstance(where, str):
        where = where.split(",")
    return tuple(code.strip() for code in where or () if code.strip())


def poll_from(poll: PollShape) -> Poll | None:
    """The record of a poll; None where no option of it came along."""
    options = sorted(poll.options or (), key=lambda option: option.position or 0)
    if not options:
        return None
    return Poll(
        options=tuple(
            [PollOption(option.label or option.text or "", option.votes) for option in options]
        ),
        ends_at=parse_date(poll.end_datetime),
        duration_minutes=poll.duration_minutes,
        status=poll.voting_status or "",
    )


def pick_video(variants: Iterable[Variant] | None) -> str:
    """The address of the film file of the highest rate; a playlist only if there is no file."""
    best, best_rate = "", -1
    for variant in variants or ():
        rate = variant.bitrate if variant.bitrate is not None else variant.bit_rate or 0
        rate = rate + 1 if variant.content_type == "video/mp4" else 0
        if variant.url and rate > best_rate:
            best, best_rate = variant.url, rate
    return best
