"""What can go wrong with the files of a stream, in words for the status page."""

from __future__ import annotations

import errno

from sfm.errors import SfmError
from sfm.messages import Message


class StorageTrouble(SfmError):
    """A stream file could not be written. `kind` is disk_full, not_allowed, missing or broken.

    The lines in hand are still in hand; writing again may do.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class AnotherCollector(SfmError):
    """Another process writes this stream's files."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message, permanent=True)
        self.pid = pid


_KINDS = {
    errno.ENOSPC: (
        "disk_full",
        Message("The disk is full. Collecting goes on when there is room again."),
    ),
    errno.EDQUOT: (
        "disk_full",
        Message("The disk quota is used up. Collecting goes on with more room."),
    ),
    errno.EACCES: (
        "not_allowed",
        Message("The data folder may not be written by the stream process."),
    ),
    errno.EPERM: (
        "not_allowed",
        Message("The data folder may not be written by the stream process."),
    ),
    errno.EROFS: ("not_allowed", Message("The data folder is on a disk that can only be read.")),
    errno.ENOENT: ("missing", Message("The data folder is not there. Is its disk mounted?")),
    errno.ENOTDIR: ("missing", Message("The data folder is not a folder.")),
    errno.ELOOP: ("missing", Message("The data folder is a link that leads nowhere.")),
}


def trouble(exc: OSError) -> StorageTrouble:
    """The trouble that an error of the system means."""
    broken = (
        "broken",
        Message(
            "The disk reports an error (%(reason)s); it should be checked.", reason=exc.strerror
        ),
    )
    kind, message = _KINDS.get(exc.errno or 0, broken)
    return StorageTrouble(kind, message)
