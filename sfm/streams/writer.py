"""Writes one stream's lines into gzip files that a kill cannot spoil.

A batch (50 lines, or those of one second) becomes one gzip member, appended by one write and
synced; then it is safe, and only then counted. A growing file ends in `.open`; it is sealed by a
rename, synced in the folder, and then told to `on_sealed`. A new file is begun each interval, when
one holds 100,000 lines, and after an error; a name is never used twice.

All methods raise StorageTrouble where the disk does not take the lines. The batch is then still
in hand, what is on disk is whole, and `flush` may be called again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sfm import clock
from sfm.atomic_file import sync
from sfm.streams import file_names
from sfm.streams.errors import StorageTrouble, trouble
from sfm.streams.gzip_members import member
from sfm.streams.removed_posts import RemovedPosts
from sfm.streams.sealing import FileFacts, leave_out, repack, repack_pays, seal

logger = logging.getLogger(__name__)

BATCH_LINES = 50
BATCH_SECONDS = 1.0
FILE_LINES = 100_000  # bounds the ids kept in memory, the size of a download, the time of a stop
QUICK_LINES = 30_000  # what can be packed anew while supervisord waits for a stop


@dataclass
class Growing:
    """The file being written: everything in `good_bytes` is on the disk and whole."""

    path: Path
    descriptor: int
    begun: float  # on the monotonic clock
    good_bytes: int = 0
    members: int = 0
    lines: int = 0
    additions: int = 0  # to the removed posts, that all lines were looked at for
    ids: set[int] = field(default_factory=set)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)


class StreamWriter:
    """One stream's files in one folder. Whoever makes one holds the stream's lock."""

    def __init__(
        self,
        folder: Path,
        prefix: str,
        epoch: int,
        interval_seconds: float,
        on_sealed: Callable[[Path, FileFacts], None] | None = None,
        removed: RemovedPosts | None = None,
    ) -> None:
        self.folder, self.prefix, self.epoch = folder, prefix, epoch
        self.removed = removed or RemovedPosts()
        self.left_out = 0  # removed posts that came again
        self.interval_seconds = interval_seconds
        self.on_sealed = on_sealed
        self.safe_lines = 0  # on disk, synced
        self.duplicates = 0
        self._file: Growing | None = None
        self._batch: list[bytes] = []
        self._batch_ids: set[int] = set()
        self._batch_additions = 0  # to the removed posts, that its lines were looked at for
        self._file_duplicates = 0
        self._batch_since = 0.0
        self._last_name_at = newest_name(folder, prefix)

    @property
    def path(self) -> Path | None:
        """The growing file, or None between files."""
        return self._file.path if self._file else None

    @property
    def in_hand(self) -> int:
        """Lines taken but not safe yet."""
        return len(self._batch)

    def add(self, line: bytes, post_id: int | None = None) -> bool:
        """Take a post as one line; False for one that this file has already, or that was removed.

        JSON that came over several lines loses their ends, and nothing else: a string holds none.
        May flush, and so raise StorageTrouble; the line is taken all the same.
        """
        additions = self.removed.additions
        left = self.removed.without_removed(line)
        if left is None:
            self.left_out += 1
            return False
        if post_id is not None:
            if self._has(post_id):
                self.duplicates += 1
                self._file_duplicates += 1
                return False
            self._batch_ids.add(post_id)
        if not self._batch:
            self._batch_since, self._batch_additions = clock.monotonic(), additions
        self._batch.append(on_one_line(left) + b"\n")
        if len(self._batch) >= BATCH_LINES:
            self.flush()
        return True

    def tick(self) -> None:
        """Flush a batch that is a second old, seal a file whose time is over, or that may hold a
        post that was removed meanwhile. Call it often."""
        now = clock.monotonic()
        if self._batch and now - self._batch_since >= BATCH_SECONDS:
            self.flush()
        if self._file and (
            now - self._file.begun >= self.interval_seconds or self._may_hold_removed(self._file)
        ):
            self.seal()

    def flush(self) -> None:
        """Put the batch in hand on the disk; when this returns, it is safe."""
        if not self._batch:
            return
        try:
            self._append()
        except OSError as exc:
            logger.error("stream file not written prefix=%s error=%s", self.prefix, exc)
            raise trouble(exc) from exc

    def seal(self, *, stopping: bool = False, pack: bool = True) -> None:
        """End the growing file and give it its last name. Never raises for the disk's troubles.

        A file that cannot be sealed now keeps its `.open`, whole, for `repair.adopt`. With
        `stopping`, a long file is not packed anew first, and left growing where it would have to
        be read for removed posts; without `pack`, so is any file.
        """
        growing, self._file = self._file, None
        if growing is None:
            return
        quick = pack and (growing.lines <= QUICK_LINES or not stopping)
        try:
            os.close(growing.descriptor)
            facts = facts_of(growing, self._file_duplicates)
            self._file_duplicates = 0
            if self.removed.posts is not None and self._may_hold_removed(growing):
                if not quick:
                    logger.info("stream file left growing file=%s", growing.path.name)
                    return
                facts = leave_out(growing.path, facts, self.removed.posts)
            if quick and repack_pays(facts):
                facts = repack(growing.path, facts)
            sealed = seal(growing.path)
        except (OSError, StorageTrouble) as exc:
            logger.error("stream file not sealed file=%s error=%s", growing.path.name, exc)
            return
        logger.info("stream file sealed file=%s lines=%d", sealed.name, facts.lines)
        if self.on_sealed:
            self.on_sealed(sealed, facts)

    def close(self, *, pack: bool = True) -> None:
        """Flush what is in hand and seal, as `seal` says.

        Raises StorageTrouble if the lines could not be saved.
        """
        try:
            self.flush()
        finally:
            self.seal(stopping=True, pack=pack)

    def _may_hold_removed(self, growing: Growing) -> bool:
        """Whether posts were removed since its lines were looked at."""
        return growing.additions < self.removed.additions

    def _has(self, post_id: int) -> bool:
        return post_id in self._batch_ids or (self._file is not None and post_id in self._file.ids)

    def _append(self) -> None:
        if self._file and self._file.lines >= FILE_LINES:
            self.seal()
        data = member(self._batch)
        try:
            growing = self._write(data)
        except UnsureFile:
            growing = self._write(data)  # to a new file; a second refusal is the disk's
        growing.digest.update(data)
        growing.good_bytes += len(data)
        growing.members += 1
        growing.additions = min(growing.additions, self._batch_additions)
        lines = sum(line.count(b"\n") for line in self._batch)
        growing.lines += lines
        growing.ids.update(self._batch_ids)
        self.safe_lines += lines
        self._batch, self._batch_ids = [], set()

    def _write(self, data: bytes) -> Growing:
        """Put it into the growing file, or a new one. Raises OSError; a file that became unsure
        is never written to again."""
        growing = self._file or self._begin()
        try:
            write_whole(growing, data)
        except UnsureFile as exc:
            logger.error("stream file given up file=%s error=%s", growing.path.name, exc)
            self._give_up(growing)
            raise
        return growing

    def _begin(self) -> Growing:
        """A new file under a name that was never used. Raises OSError."""
        moment = clock.now()
        if self._last_name_at and moment <= self._last_name_at:
            moment = self._last_name_at + timedelta(microseconds=1)  # the clock was set back
        name = file_names.file_name(self.prefix, moment, self.epoch) + file_names.OPEN
        path = self.folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        self._last_name_at = moment
        sync(self.folder)
        self._file = Growing(path, descriptor, clock.monotonic(), additions=self.removed.additions)
        return self._file

    def _give_up(self, growing: Growing) -> None:
        """Leave it to `repair.adopt`; where nothing in it is safe, it goes, or a disk that fails
        for an hour would be full of them."""
        self._file = None
        with contextlib.suppress(OSError):
            os.close(growing.descriptor)
            if not growing.good_bytes:
                growing.path.unlink()


def on_one_line(line: bytes) -> bytes:
    """The line without the ends of lines within it; one that has none comes back as it is."""
    if b"\n" not in line:
        return line
    return line.replace(b"\r", b"").replace(b"\n", b"")


class UnsureFile(OSError):
    """Nobody knows what this file holds behind its good bytes, or it may grow no more.

    After a failed sync the system may have dropped what it could not write, and calls the next
    sync a success: so the same descriptor is never used again, and the batch goes to a new file.
    """


def write_whole(growing: Growing, data: bytes) -> None:
    """Append and sync. Raises OSError with the file cut back to what it was, or UnsureFile."""
    try:
        written = os.write(growing.descriptor, data)
        if written < len(data):  # a short write is how a full disk begins; the next says why
            written += os.write(growing.descriptor, data[written:])
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as exc:
        _cut_back(growing)
        if exc.errno in {errno.EIO, errno.EFBIG}:
            raise UnsureFile(exc.errno, exc.strerror) from exc
        raise
    try:
        os.fsync(growing.descriptor)
    except OSError as exc:
        raise UnsureFile(exc.errno, exc.strerror) from exc


def _cut_back(growing: Growing) -> None:
    try:
        os.ftruncate(growing.descriptor, growing.good_bytes)
    except OSError as exc:
        raise UnsureFile(exc.errno, exc.strerror) from exc


def facts_of(growing: Growing, duplicates: int) -> FileFacts:
    """What the manifest says of a file, as far as the writer knows."""
    return FileFacts(
        lines=growing.lines,
        members=growing.members,
        size_bytes=growing.good_bytes,
        sha256=growing.digest.hexdigest(),
        first_id=min(growing.ids, default=None),
        last_id=max(growing.ids, default=None),
        duplicates=duplicates,
    )


def newest_name(folder: Path, prefix: str) -> datetime | None:
    """The latest time in a name of this stream, so that names never go back."""
    try:
        names = [file_names.parse(entry.name) for entry in os.scandir(folder)]
    except OSError:
        return None
    return max((name.begun_at for name in names if name and name.prefix == prefix), default=None)
