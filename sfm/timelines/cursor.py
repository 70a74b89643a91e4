"""How far an account's timeline is collected, and how each page moves that on. Pure.

X gives a timeline newest first. What is held must stay without holes: so all up to `held_to_id` is
held, and a pass that is under way has held everything from `newest_id` down to `oldest_id`. Only
when a pass has come down to `held_to_id` (or to the end) does `held_to_id` move up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TimelineCursor:
    """Where the collecting of one account stands. All are tweet ids."""

    held_to_id: int | None = None
    newest_id: int | None = None
    oldest_id: int | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether an earlier pass was cut off and has to be finished first."""
        return self.oldest_id is not None

    def reaches_held(self, ids: Sequence[int]) -> bool:
        """Whether a page has come down to what is held, whatever its paging token promises."""
        held_to_id = self.held_to_id
        return held_to_id is not None and any(tweet_id <= held_to_id for tweet_id in ids)

    def after_page(self, ids: Sequence[int]) -> TimelineCursor:
        """With one more page held, and more to come."""
        if not ids:
            return self
        newest = max(ids) if self.newest_id is None else self.newest_id
        oldest = min(ids) if self.oldest_id is None else min(self.oldest_id, *ids)
        return replace(self, newest_id=newest, oldest_id=oldest)

    def at_end(self) -> TimelineCursor:
        """With the pass come to its end."""
        ends = (self.held_to_id, self.newest_id)
        known = [tweet_id for tweet_id in ends if tweet_id is not None]
        return TimelineCursor(held_to_id=max(known, default=None))
