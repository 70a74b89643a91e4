"""A number with its word, for lines on a terminal: 1 post, 1,234 posts. English."""

from __future__ import annotations


def many(number: int, what: str, rest: str = "") -> str:
    """The number and `what`, which is one of it, with an s for any other number; then `rest`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}{rest}"
