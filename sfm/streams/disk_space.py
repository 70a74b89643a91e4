"""How much room there is where stream files are written."""

from __future__ import annotations

import shutil
from pathlib import Path


def disk_space(folder: Path | None) -> tuple[int, bool]:
    """Free bytes where files are written, and whether that is little: under 5 % or 1 GiB."""
    if folder is None:
        return 0, False
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, False
    return usage.free, usage.free < max(usage.total * 0.05, 1024**3)
