"""Files of posts that search found for a gap, written while a collector may write the stream's own.

Their names have the stream's form and an epoch that no collector ever gets to, and they have a
lock of their own: so each side knows, and leaves alone, the growing files of the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from sfm.messages import Message
from sfm.removals.redact import RemovedIds
from sfm.streams import file_names, repair
from sfm.streams.errors import AnotherCollector, StorageTrouble
from sfm.streams.lock import StreamLock
from sfm.streams.sealing import FileFacts
from sfm.streams.writer import StreamWriter

logger = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0  # no file of a fill is ended by its age


class FillFiles:
    """Writes a stream's files of filled posts; holds their lock until `close`."""

    def __init__(
        self, root: Path, run_folder: Path, prefix: str, removed: RemovedIds | None = None
    ) -> None:
        """Take the lock, and seal what a fill that was cut off left behind, without `removed`.

        Raises AnotherCollector while another fill goes on, OSError.
        """
        self.root, self.prefix, self.removed = root, prefix, removed
        self.sealed: list[tuple[Path, FileFacts]] = []
        self._lock = StreamLock(run_folder, f"{prefix}-fill")
        self._adopt()

    def write(self, posts: Iterable[tuple[int, bytes]]) -> int:
        """Write these posts, id and line; how many, all in sealed files. Raises StorageTrouble."""
        epoch = file_names.FIRST_FILL_EPOCH + self._lock.epoch
        writer = StreamWriter(self.root, self.prefix, epoch, DAY_SECONDS, self._on_sealed)
        before = self._lines()
        try:
            for post_id, line in posts:
                writer.add(line, post_id)
        finally:
            writer.close()
        self._adopt()  # what could not be sealed at once
        if self._lines() - before != writer.safe_lines:
            raise StorageTrouble(
                "broken", Message("What search found could not be saved whole; try again.")
            )
        return writer.safe_lines

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def _adopt(self) -> None:
        repair.adopt(
            self.root, self.prefix, fills=True, on_sealed=self._on_sealed, removed=self.removed
        )

    def _on_sealed(self, path: Path, facts: FileFacts) -> None:
        self.sealed.append((path, facts))

    def _lines(self) -> int:
        return sum(facts.lines for _, facts in self.sealed)


def adopt_left(
    root: Path,
    run_folder: Path,
    prefix: str,
    on_sealed: Callable[[Path, FileFacts], object],
    removed: RemovedIds | None = None,
) -> None:
    """Seal the growing files of an ended fill, without `removed`; nothing while a fill runs.

    No collector is kept from its work by it: what cannot be sealed is left for another time.
    """
    if not repair.left_behind(root, prefix, fills=True):
        return
    try:
        left = FillFiles(root, run_folder, prefix, removed)
    except (AnotherCollector, OSError) as exc:
        logger.warning("files of a fill left as they are prefix=%s why=%s", prefix, exc)
        return
    left.close()
    for path, facts in left.sealed:
        on_sealed(path, facts)
