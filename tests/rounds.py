"""How often a fault is made: a few times in the daily suite, many under `make faults`."""

from __future__ import annotations

import os

LONG = os.environ.get("SFM_FAULTS") == "long"


def rounds(daily: int, long: int) -> int:
    """The number of rounds for this run of the tests."""
    return long if LONG else daily
