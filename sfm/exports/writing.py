"""Which exports are being written at this moment: those whose lock a living process holds."""

from __future__ import annotations

from pathlib import Path

from sfm.file_lock import is_locked
from sfm.output_file import PART, remove


def lock_of(part: Path) -> Path:
    """The lock file of a part file or folder."""
    return part.with_name(f".{part.name}.lock")


def is_lock(path: Path) -> bool:
    """Whether this is the lock file of a part file or folder."""
    return path.name.startswith(".") and path.name.endswith(f"{PART}.lock")


def empty(part: Path, *, folder: bool = False) -> None:
    """Take away what was written to the place so far, to begin again."""
    remove(part)
    if folder:
        part.mkdir(mode=0o700)


def note_version(part: Path, version: int) -> None:
    """Write into the lock file under which version of the register of removed posts it is read."""
    lock_of(part).write_text(f"{version}\n")


def being_written(root: Path) -> dict[Path, int]:
    """The `.part` files and folders below that a living process writes, with the version that it
    noted; -1 where it has not yet. Judged by held locks alone; takes none away."""
    found: dict[Path, int] = {}
    for lock in sorted(root.rglob(f".*{PART}.lock")):
        text = _text_if_held(lock)
        if text is not None:
            part = lock.with_name(lock.name.removeprefix(".").removesuffix(".lock"))
            found[part] = int(text) if text.strip().isdigit() else -1
    return found


def _text_if_held(lock: Path) -> str | None:
    try:
        return lock.read_bytes()[:64].decode("ascii", "replace") if is_locked(lock) else None
    except FileNotFoundError:
        return None
