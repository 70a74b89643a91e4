"""Text of supervisord's configuration for one collector. Pure: numbers and fixed words only.

Nothing that a person types gets in here. What a filter listens for, the collector reads from the
database by the filter's number; so a name or a word can neither add a program nor break a reload.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sfm.errors import SfmError
from sfm.messages import Message
from sfm.supervisord.paths import Paths

FILTER_PREFIX = "twitterfilter-"
SAMPLE_PREFIX = "streamsample"
STOP_SECONDS = 10
# Longer than the longest start, on a busy machine too: what ends earlier has never been up, and
# supervisord gives up after some tries instead of starting it for ever.
START_SECONDS = 20
# How a collector ends without being started again; the rest (1, a signal) is tried again.
# 0 it was asked to, 2 wrong usage, 3 a person is needed, 4 another holds the stream, 5 no work.
FINAL_EXIT_CODES = (0, 2, 3, 4, 5)
NEEDS_PERSON = 3

SHARED_PREFIX = FILTER_PREFIX + "shared-"
CONNECTION_LENGTH = 12  # characters of a credential's fingerprint that name its connection

_OF_FILTERS = re.compile(FILTER_PREFIX + r"[1-9][0-9]{0,18}(?:-[1-9][0-9]{0,18})*")
_SHARED = re.compile(SHARED_PREFIX + rf"[0-9a-f]{{{CONNECTION_LENGTH}}}")


class BrokenConfiguration(SfmError):
    """A configuration that supervisord would not take; it was not put into place."""


@dataclass(frozen=True)
class Program:
    """One collector: the filters it was made for, and a number that grows when one changes.

    `connection` is set where it collects all active filters of one credential: the beginning of
    its fingerprint, so that the name is as short for a hundred filters as for one.
    `may_start` is False while it has to stay down: a person is needed, or it waits after a crash.
    `must_restart`: it runs with a credential that is no longer its own.
    """

    filter_ids: tuple[int, ...]
    revision: int = 0
    may_start: bool = True
    must_restart: bool = False
    connection: str = ""

    @property
    def name(self) -> str:
        """twitterfilter-2, or twitterfilter-shared-0a1b2c3d4e5f for a shared connection."""
        return shared_name(self.connection) if self.connection else program_name(self.filter_ids)


def program_name(filter_ids: Iterable[int]) -> str:
    """The name of the program that carries these filters."""
    return FILTER_PREFIX + "-".join(str(int(number)) for number in filter_ids)


def shared_name(connection: str) -> str:
    """The name of the program that collects all filters of a connection. Raises ValueError."""
    name = SHARED_PREFIX + connection
    if not _SHARED.fullmatch(name):
        raise ValueError(f"no connection: {connection!r}")
    return name


def is_collector(name: str) -> bool:
    """Whether a program is one of ours that collects filters."""
    return bool(_OF_FILTERS.fullmatch(name) or _SHARED.fullmatch(name))


def ids_of(name: str) -> tuple[int, ...]:
    """The filters that a program was made for; empty for one of a shared connection (whose filters
    come and go), and for a program that is not ours."""
    if not _OF_FILTERS.fullmatch(name):
        return ()
    return tuple(int(number) for number in name.removeprefix(FILTER_PREFIX).split("-"))


def render(program: Program, place: Paths) -> str:
    """The file `<name>.conf`; its last line is a checksum of all that stands above it."""
    body = "\n".join([*_heading(program), *_program(program, place), ""])
    return body + checksum_line(body)


def checksum_line(body: str) -> str:
    """The closing line: a file that was cut anywhere does not end in the right one."""
    return f"; sha256 {hashlib.sha256(body.encode()).hexdigest()}\n"


def check(text: str) -> None:
    """Have supervisord's own parser read a file. Raises BrokenConfiguration.

    One file that it cannot read blocks every reload and keeps supervisord from starting at all,
    so this comes before a file is moved to where it would be read.
    """
    from supervisor.options import ServerOptions  # heavy, and only needed where files change

    options = ServerOptions()
    options.here = "/"
    try:
        options.read_config(io.StringIO("[supervisord]\n" + text))
    except ValueError as exc:
        raise BrokenConfiguration(
            Message("supervisord would not take the configuration: %(exc)s", exc=exc)
        ) from exc


def _heading(program: Program) -> list[str]:
    numbers = ", ".join(str(int(number)) for number in program.filter_ids)
    filters = "the filters of one connection" if program.connection else f"filter {numbers}"
    return [
        f"; Written by Social Feed Manager for {filters}. Changes made here are lost.",
        f"; revision {int(program.revision)}",
    ]


def _program(program: Program, place: Paths) -> list[str]:
    filters = " ".join(str(int(number)) for number in program.filter_ids)
    if program.connection:
        filters = f"--connection {program.connection}"
    owner = [f"user={place.owner}"] if place.owner else []
    return [
        f"[program:{program.name}]",
        f'command="{place.python}" -m flask --app app filterstream {filters} --save',
        f"directory={place.project}",
        f'environment=SFM_INSTANCE="{place.instance}",PYTHONUNBUFFERED="1"',
        *owner,
        "umask=077",
        "autostart=true",
        "autorestart=unexpected",
        "exitcodes=" + ",".join(str(code) for code in FINAL_EXIT_CODES),
        f"startsecs={START_SECONDS}",
        "startretries=3",
        "stopsignal=TERM",
        f"stopwaitsecs={STOP_SECONDS}",
        "stopasgroup=true",
        "killasgroup=true",
        *_log("stdout", place, program.name, "out"),
        *_log("stderr", place, program.name, "err"),
    ]


def _log(channel: str, place: Paths, name: str, ending: str) -> list[str]:
    return [
        f"{channel}_logfile={place.logs}/{name}.{ending}.log",
        f"{channel}_logfile_maxbytes=10MB",
        f"{channel}_logfile_backups=3",
    ]
