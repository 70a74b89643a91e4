"""The account of an export: rows read = rows written + rows left out, with the reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sfm.errors import SfmError


class CountMismatch(SfmError):
    """Rows are missing or too many. The export is not handed on."""


@dataclass
class Tally:
    """What was met on the way in, and what of it was not passed on."""

    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count tweets or lines that are not passed on."""
        if count:
            self.left_out[reason] += count


def check_tally(read: int, written: int, left_out: int, counted: int) -> None:
    """Raises DoesNotAddUp unless every row is accounted for and stands in the file."""
    if read != written + left_out:
        raise CountMismatch(
            f"{read:,} rows were read, but {written:,} written and {left_out:,} left out: that "
            "does not add up. The file is not kept. Please report this with the export's number."
        )
    if counted != written:
        raise CountMismatch(
            f"{written:,} rows were written, but the file holds {counted:,}. It is not kept: the "
            "disk may have failed. Try again, and tell the system's administrator."
        )
