"""What a README can say of the tweets in an export: whose, from when to when, how collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

FIELDS = ("date_published", "screen_name", "captured_by", "run_id")


@dataclass
class Summary:
    """Grows with each batch; needs the FIELDS of stored tweets."""

    first_at: str = ""
    last_at: str = ""
    accounts: set[str] = field(default_factory=set)
    captured_by: Counter[str] = field(default_factory=Counter)
    run_ids: set[int] = field(default_factory=set)

    def look(self, tweets: Sequence[Any]) -> None:
        """Take a batch of stored tweets into account."""
        moments = [tweet.date_published for tweet in tweets if tweet.date_published]
        if moments:
            first, last = min(moments), max(moments)
            self.first_at = min(self.first_at, first) if self.first_at else first
            self.last_at = max(self.last_at, last)
        self.accounts.update([tweet.screen_name for tweet in tweets])
        self.captured_by.update([tweet.captured_by for tweet in tweets])
        self.run_ids.update([tweet.run_id for tweet in tweets if tweet.run_id is not None])
