"""Names of stream files: whose they are, when they were begun, and what makes each the only one.

`<prefix>-<UTC time, hyphens for colons>.<microseconds>-<epoch>Z.gz`; with `.open` behind it while
it grows. Names of the original (whole seconds, no epoch) are read too. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sfm.supervisord.conf import FILTER_PREFIX, SAMPLE_PREFIX

OPEN = ".open"
FIRST_FILL_EPOCH = 10**9  # of files that fill a gap; no collector was ever started so often

_NAME = re.compile(
    rf"(?P<prefix>{SAMPLE_PREFIX}|sample|{FILTER_PREFIX}[0-9]{{1,19}})-"
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2})"
    r"(?:\.(?P<micros>[0-9]{6})-(?P<epoch>[0-9]{1,12}))?Z\.gz"
)


@dataclass(frozen=True)
class FileName:
    """What a file's name says. `begun_at` is aware UTC."""

    prefix: str
    begun_at: datetime
    epoch: int

    def __str__(self) -> str:
        return file_name(self.prefix, self.begun_at, self.epoch)

    @property
    def filter_id(self) -> int | None:
        """The filter whose file it is; None for the sample stream's."""
        return filter_of(self.prefix)

    @property
    def is_fill(self) -> bool:
        """Whether it holds what search found for a gap, and not what came by the stream."""
        return self.epoch >= FIRST_FILL_EPOCH


def filter_prefix(filter_id: int) -> str:
    """The beginning of the names of one filter's files."""
    return f"{FILTER_PREFIX}{filter_id}"


def filter_of(prefix: str) -> int | None:
    """The filter that a prefix stands for; None for the sample stream's."""
    number = prefix.removeprefix(FILTER_PREFIX)
    return int(number) if number != prefix else None


def file_name(prefix: str, begun_at: datetime, epoch: int) -> str:
    """The name of a sealed file."""
    moment = begun_at.astimezone(UTC)
    return f"{prefix}-{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond:06d}-{epoch}Z.gz"


def parse(name: str) -> FileName | None:
    """What the name of a sealed or growing file says; None for any other file."""
    match = _NAME.fullmatch(name.removesuffix(OPEN))
    if match is None:
        return None
    try:
        moment = datetime.strptime(match["time"], "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    micros = timedelta(microseconds=int(match["micros"] or 0))
    return FileName(match["prefix"], moment + micros, int(match["epoch"] or 0))
