"""What the stream commands say with `--verbose`, beside what they always log."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from sfm import clock
from sfm.streams.routing import CollectedFilters
from sfm.streams.status import Status

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0


class VerboseLog:
    """Logs at the level DEBUG: what is collected, each change of state, and how many posts came."""

    def __init__(self) -> None:
        self._state: tuple[str, str] | None = None
        self._posts_then = 0
        self._next_at = 0.0

    def begin(self, label: str, folder: Path | None, filters: CollectedFilters) -> None:
        """At the start: the credential by its name, where posts go, the rules of the filters."""
        logger.debug("connects with %s", label)
        logger.debug("writes to %s", folder or "standard output")
        for rule in filters.unique_rules:
            logger.debug("listens for %s", rule.value)

    def progress(self, status: Status, waiting_lines: int, files: Collection[str]) -> None:
        """To be called every few seconds."""
        state = (status.state, status.reason)
        now = clock.monotonic()
        if state != self._state:
            logger.debug("state %s %s", status.state, status.reason)
        elif now < self._next_at:
            return
        self._state, self._next_at = state, now + PROGRESS_SECONDS
        logger.debug(
            "%d posts, %d since the last line, %.0f a minute, %d lines not saved yet, %d of no "
            "filter; files %s",
            status.posts, status.posts - self._posts_then, status.posts_a_minute, waiting_lines,
            status.unmatched, ", ".join(files) or "none",
        )  # fmt: skip
        self._posts_then = status.posts
