"""Which ids were met before, however many: in a file of its own, so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from types import TracebackType


class SeenIds:
    """Remembers ids. The file has no name and goes with the process."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for order in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
            self._database.execute(f"PRAGMA {order}")
        self._database.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY)")

    def __enter__(self) -> SeenIds:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _exc: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self._database.close()

    def new_among(self, ids: Sequence[int]) -> list[bool]:
        """For each id whether it is met for the first time, also within these."""
        listed = json.dumps(list(ids))
        known = {
            row[0]
            for row in self._database.execute(
                "SELECT id FROM seen WHERE id IN (SELECT value FROM json_each(?))", (listed,)
            )
        }
        found = []
        for one in ids:
            found.append(one not in known)
            known.add(one)
        self._database.execute(
            "INSERT OR IGNORE INTO seen SELECT value FROM json_each(?)", (listed,)
        )
        return found
