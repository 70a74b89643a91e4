"""What is known of a finished export: its file, its counts, a summary of its posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ExportFacts:
    """The counts and warnings of a finished export. `read_at` (UTC): when the posts were read."""

    rows_read: int
    rows_written: int
    left_out: dict[str, int]
    changes: dict[str, int]
    warnings: tuple[str, ...]
    summary: Summary
    read_at: datetime
    gaps: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()
    accounts: tuple[dict[str, Any], ...] = ()
    streams: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class ExportResult:
    """A finished export; of a folder, size and SHA-256 are empty. `removals_version`: the state of
    the register of removed posts under which it was read."""

    path: Path
    size_bytes: int
    sha256: str
    facts: ExportFacts = field(repr=False)
    removals_version: int = 0


SUMMARY_FIELDS = ("date_published", "screen_name", "captured_by", "run_id")


@dataclass
class Summary:
    """Grows with each batch; needs the FIELDS of stored posts."""

    first_at: str = ""
    last_at: str = ""
    accounts: set[str] = field(default_factory=set)
    captured_by: Counter[str] = field(default_factory=Counter)
    run_ids: set[int] = field(default_factory=set)

    def look(self, posts: Sequence[Any]) -> None:
        """Take a batch of stored posts into account."""
        moments = [post.date_published for post in posts if post.date_published]
        if moments:
            first, last = min(moments), max(moments)
            self.first_at = min(self.first_at, first) if self.first_at else first
            self.last_at = max(self.last_at, last)
        self.accounts.update([post.screen_name for post in posts])
        self.captured_by.update([post.captured_by for post in posts])
        self.run_ids.update([post.run_id for post in posts if post.run_id is not None])


@dataclass
class Tally:
    """What was met on the way in, and what of it was not passed on."""

    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count posts or lines that are not passed on."""
        if count:
            self.left_out[reason] += count
