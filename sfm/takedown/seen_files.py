"""Files that were searched and hold nothing: not read again as long as they stay as they are."""

from __future__ import annotations

from pathlib import Path


class SeenFiles:
    """What one removal has searched so far. In memory, for its own looks alone."""

    def __init__(self) -> None:
        self._states: dict[Path, tuple[int, int, int]] = {}

    def is_clean(self, path: Path) -> bool:
        """Whether this file was searched, without a hit, and is the same since."""
        return path in self._states and self._states[path] == state_of(path)

    def note(self, path: Path, state: tuple[int, int, int] | None) -> None:
        """It was searched without a hit; `state` is from before that."""
        if state is not None:
            self._states[path] = state

    def forget(self) -> None:
        """More is looked for from here on: all files are read again."""
        self._states.clear()


def state_of(path: Path) -> tuple[int, int, int] | None:
    """Inode, size and time of change; None for a file that is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
