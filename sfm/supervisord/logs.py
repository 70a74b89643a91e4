"""The end of a collector's log.

Read from the file, not through supervisord: it puts control characters into its XML as they are,
and then no parser takes the answer. It also works while supervisord is away.
"""

from __future__ import annotations

import os
import re

from sfm.errors import NotFound, SfmError
from sfm.messages import Message
from sfm.supervisord import conf
from sfm.supervisord.paths import Paths

TAIL_BYTES = 64 * 1024
CHANNELS = ("out", "err")  # standard output, standard error

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def tail(place: Paths, name: str, channel: str) -> str:
    """The last 64 KiB of a log, whole lines, control characters as blanks; "" where none is.

    Raises NotFound for a program that is not ours, SfmError for a log we may not read.
    """
    if channel not in CHANNELS or not (conf.is_collector(name) or name == conf.SAMPLE_PREFIX):
        raise NotFound(Message("There is no such log."))
    try:
        # No link is followed: the folder may belong to a group.
        descriptor = os.open(place.logs / f"{name}.{channel}.log", os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    except OSError as exc:
        raise SfmError(
            Message(
                "The log of %(name)s cannot be read (%(reason)s).", name=name, reason=exc.strerror
            )
        ) from exc
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - TAIL_BYTES))
        data = file.read(TAIL_BYTES)
    if size > TAIL_BYTES:
        data = data.partition(b"\n")[2]
    return _CONTROL.sub(" ", data.decode("utf-8", "replace"))
