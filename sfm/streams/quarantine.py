"""Lines that are no posts: kept as they came, with the reason, in a file beside the posts."""

from __future__ import annotations

import base64
import json
import logging
import os
from pathlib import Path

from sfm import clock

logger = logging.getLogger(__name__)

MAX_BYTES = 50 * 1024 * 1024


class Quarantine:
    """`quarantine/<program>-<UTC day>.jsonl` in the data folder, 50 MB a day at most."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.program = folder / "quarantine", program
        self.count = 0

    def keep(self, line: bytes, reason: str) -> None:
        """Put a line aside. A disk that does not take it costs the line, not the stream."""
        self.count += 1
        entry = {
            "at": clock.iso(clock.now()),
            "reason": reason,
            "base64": base64.b64encode(line).decode("ascii"),
        }
        try:
            self._append((json.dumps(entry) + "\n").encode())
        except OSError as exc:
            logger.error("line not put aside program=%s error=%s", self.program, exc)

    def _append(self, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{self.program}-{clock.now():%Y-%m-%d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(data) <= MAX_BYTES:
                os.write(descriptor, data)
        finally:
            os.close(descriptor)
