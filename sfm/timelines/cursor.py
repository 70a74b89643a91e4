"""The cursor of a timeline: how far an account is collected, and how each page moves it. Pure.

X gives a timeline newest first, and what is stored must have no holes: all posts up to
`held_to_id` are stored, and of a pass under way all from `newest_id` down to `oldest_id`. Only
when a pass has come down to `held_to_id` (or to the end) does `held_to_id` move up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TimelineCursor:
    """How far one account is collected. All are ids of posts."""

    held_to_id: int | None = None
    newest_id: int | None = None
    oldest_id: int | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether an earlier pass was interrupted and has to be finished first."""
        return self.oldest_id is not None

    @property
    def has_reached_held(self) -> bool:
        """Whether the pass has come down to posts that are stored, whatever next tokens say."""
        held_to_id, oldest_id = self.held_to_id, self.oldest_id
        return held_to_id is not None and oldest_id is not None and oldest_id <= held_to_id

    def after_page(self, ids: Sequence[int]) -> TimelineCursor:
        """The cursor after one more page of a pass that goes on."""
        if not ids:
            return self
        newest = max(ids) if self.newest_id is None else self.newest_id
        oldest = min(ids) if self.oldest_id is None else min(self.oldest_id, *ids)
        return replace(self, newest_id=newest, oldest_id=oldest)

    def at_end(self) -> TimelineCursor:
        """The cursor after the pass has ended."""
        ends = (self.held_to_id, self.newest_id)
        known = [tweet_id for tweet_id in ends if tweet_id is not None]
        return TimelineCursor(held_to_id=max(known, default=None))
