"""Files of one thing a line: JSON as received or reshaped, and lists of ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from sfm.exports.writers.text_rules import TextChanges


class LineWriter:
    """Texts in, one a line out, in UTF-8. `file` must be open for writing bytes, and stays open.

    A text that has CR or LF between its parts, as JSON may, loses these and nothing else.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.rows = 0
        self.changes = TextChanges()
        self._file = file

    def write(self, lines: Sequence[str]) -> None:
        """Write a batch of lines; best some hundreds at a time."""
        text = "\n".join(lines)
        if "\r" in text or text.count("\n") != len(lines) - 1:
            text = "\n".join(map(_on_one_line, lines))
        self._file.write(text.encode())
        self._file.write(b"\n")
        self.rows += len(lines)

    def finish(self) -> None:
        """Nothing is held back."""


def _on_one_line(record: str) -> str:
    """The record without CR and LF, which JSON has between its parts alone: never in a string.

    Other characters that count as ends of lines elsewhere (U+2028, U+0085) are text like any.
    """
    return record.replace("\r", "").replace("\n", "")
