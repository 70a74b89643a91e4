"""Finds ids of posts in bytes, however many are looked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable


class IdSearch:
    """Looks for any of these ids, each as a whole run of digits; time grows with the bytes only."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = frozenset(str(number).encode() for number in ids)
        shortest = min(map(len, self._ids), default=1)
        self._runs = re.compile(rb"[0-9]{%d,}" % shortest)

    def search(self, data: bytes) -> bool:
        """Whether one of the ids stands in these bytes."""
        return not self._ids.isdisjoint(self._runs.findall(data))
