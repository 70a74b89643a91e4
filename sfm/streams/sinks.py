"""Where posts go: into each filter's files, or to standard output."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sfm import clock
from sfm.streams import repair
from sfm.streams.errors import StorageTrouble
from sfm.streams.gap_fill_files import adopt_left
from sfm.streams.lock import StreamLock
from sfm.streams.removed_posts import RemovedPosts
from sfm.streams.sealing import FileFacts
from sfm.streams.writer import StreamWriter

PACK_SECONDS = 1.0  # of the few that a stop may take
Sealed = Callable[[Path, FileFacts], None]


class Sink(Protocol):
    """Takes posts by stream prefix. `in_hand` is how many lines were taken but not saved yet."""

    @property
    def in_hand(self) -> int:
        """Of all streams."""

    def in_hand_of(self, prefix: str) -> int:
        """Of one stream."""

    def add(self, prefix: str, line: bytes, post_id: int | None) -> bool:
        """Take a line; False for a post its file holds already, or that was removed.

        May raise StorageTrouble.
        """

    def tick(self) -> None:
        """What is due: saving a batch, beginning a new file. May raise StorageTrouble."""

    def assign(self, prefixes: Collection[str]) -> None:
        """Write these streams from now on; files of other streams are sealed."""

    def close(self) -> None:
        """Save and seal everything. May raise StorageTrouble; `in_hand` is then what was lost."""

    def files(self) -> list[str]:
        """Names of the growing files."""


class FileSink:
    """A writer for each stream, and its lock; both end when the stream is no longer assigned."""

    def __init__(
        self,
        folder: Path,
        run: Path,
        interval_seconds: float,
        sealed: Sealed,
        removed: RemovedPosts | None = None,
    ) -> None:
        self.folder, self.run = folder, run
        self.removed = removed or RemovedPosts()
        self.interval_seconds, self.sealed = interval_seconds, sealed
        self.duplicates = 0
        self._locks: dict[str, StreamLock] = {}
        self._writers: dict[str, StreamWriter] = {}
        self._unsaved: dict[str, int] = {}  # lines that could not be saved when a stream was ended

    def take(self, prefix: str) -> None:
        """Become the one writer of a stream and put right what the last one left behind.

        Raises AnotherCollector, OSError, StorageTrouble; the stream is free then.
        """
        if prefix in self._writers:
            return
        lock = StreamLock(self.run, prefix)
        try:
            self._adopt(prefix)
            adopt_left(self.folder, self.run, prefix, self.sealed, self.removed.posts)
            writer = StreamWriter(
                self.folder, prefix, lock.epoch, self.interval_seconds, self.sealed, self.removed
            )
        except BaseException:
            lock.release()
            raise
        self._locks[prefix], self._writers[prefix] = lock, writer

    def add(self, prefix: str, line: bytes, post_id: int | None) -> bool:
        """As Sink says. A stream that was just given up takes nothing."""
        writer = self._writers.get(prefix)
        if writer is None:
            return False
        before = writer.duplicates
        added = writer.add(line, post_id)
        self.duplicates += writer.duplicates - before
        return added

    def tick(self) -> None:
        """As Sink says. A file that could not be sealed before is tried again."""
        for prefix, writer in list(self._writers.items()):
            growing = writer.path
            writer.tick()
            if growing and writer.path is None:
                self._adopt(prefix)

    def assign(self, prefixes: Collection[str]) -> None:
        """As Sink says. Raises AnotherCollector for the first that another process writes."""
        for prefix in set(self._writers) - set(prefixes):
            self._give_up(prefix)
        for prefix in prefixes:
            self.take(prefix)

    def close(self) -> None:
        """As Sink says. Trouble with one stream does not keep the others from being sealed.

        All streams are saved before the first is sealed: sealing may pack a file anew, which takes
        time, and the process is killed where it takes too much. So packing stops after a second.
        """
        for writer in self._writers.values():
            with suppress(StorageTrouble):  # tried again below
                writer.flush()
        trouble: StorageTrouble | None = None
        pack_until = clock.monotonic() + PACK_SECONDS
        for prefix in list(self._writers):
            try:
                self._give_up(prefix, pack=clock.monotonic() < pack_until)
            except StorageTrouble as exc:
                trouble = trouble or exc
        if trouble is not None:
            raise trouble

    def files(self) -> list[str]:
        """As Sink says."""
        return [writer.path.name for writer in self._writers.values() if writer.path]

    @property
    def in_hand(self) -> int:
        """As Sink says."""
        writers = list(self._writers.values())
        return sum(writer.in_hand for writer in writers) + sum(self._unsaved.values())

    def in_hand_of(self, prefix: str) -> int:
        """As Sink says."""
        writer = self._writers.get(prefix)
        return (writer.in_hand if writer else 0) + self._unsaved.get(prefix, 0)

    def _adopt(self, prefix: str) -> None:
        repair.adopt(self.folder, prefix, on_sealed=self.sealed, removed=self.removed.posts)

    def _give_up(self, prefix: str, *, pack: bool = True) -> None:
        writer = self._writers.pop(prefix)
        try:
            writer.close(pack=pack)
        finally:
            if writer.in_hand:
                self._unsaved[prefix] = writer.in_hand
            self._locks.pop(prefix).release()


class StdoutSink:
    """One JSON object a line on standard output, unbuffered: what a pipe reads is what came."""

    duplicates = 0
    in_hand = 0

    def add(self, prefix: str, line: bytes, post_id: int | None) -> bool:
        """As Sink says. Raises BrokenPipeError where nobody reads any more."""
        data = line + b"\n"
        while data:
            data = data[os.write(1, data) :]
        return True

    def in_hand_of(self, prefix: str) -> int:
        """Nothing is held back."""
        return 0

    def tick(self) -> None:
        """Nothing is ever due."""

    def assign(self, prefixes: Collection[str]) -> None:
        """All streams go to the same place."""

    def close(self) -> None:
        """Nothing is held back."""

    def files(self) -> list[str]:
        """There are none."""
        return []
