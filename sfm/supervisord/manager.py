"""Whether supervisord can do what is wanted, and if not, why, in words that name the cause."""

from __future__ import annotations

import grp
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sfm.errors import SfmError
from sfm.messages import Message
from sfm.supervisord import conf, rpc
from sfm.supervisord.owner import user_name
from sfm.supervisord.paths import Paths

BROKEN = "broken"

# Sources: configparser.MissingSectionHeaderError and ParsingError; supervisor/options.py.
_FILE = re.compile(r"\(file: '(/[^']+)'\)|file: '(/[^']+)'|parsing errors: '(/[^']+)'")
_LINE = re.compile(r"line: ?([0-9]+)|\[line +([0-9]+)\]")


@dataclass(frozen=True)
class Manager:
    """Whether supervisord answers: running, absent, refused, stuck, garbled, stopping, broken.

    Broken: the configuration cannot be written, or read by supervisord, which itself may run.
    `detail` is for administrators only: supervisord's own words may name what others must not see.
    """

    state: str
    message: str = ""
    detail: str = ""

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def is_broken(self) -> bool:
        return self.state == BROKEN


RUNNING = Manager("running")


class Busy(SfmError):
    """Another worker is bringing files and processes together at this moment."""


def manager_of(exc: Exception, place: Paths) -> Manager:
    """supervisord's state, out of what went wrong when it was asked or its files were written."""
    if isinstance(exc, rpc.NoAnswer):
        return Manager(exc.state, exc.message, str(exc.__cause__ or ""))
    if isinstance(exc, rpc.SupervisordFault):
        if exc.code == rpc.CANT_REREAD:
            return Manager(BROKEN, _unreadable(exc, place), exc.detail)
        stopping = exc.code == rpc.SHUTDOWN_STATE
        return Manager("stopping" if stopping else BROKEN, exc.message, exc.detail)
    if isinstance(exc, SfmError):
        return Manager("busy" if isinstance(exc, Busy) else BROKEN, exc.message)
    if isinstance(exc, OSError):
        return Manager(BROKEN, _unwritable(exc, place), str(exc))
    return Manager(BROKEN, Message("The stream processes cannot be managed."), str(exc))


def _unreadable(exc: rpc.SupervisordFault, place: Paths) -> str:
    """Which of the files that supervisord includes blocks it, where, and what that blocks."""
    match = _FILE.search(exc.detail)
    path = next(filter(None, match.groups()), "") if match else _first_unreadable(place)
    if not path:
        return exc.message
    line = _LINE.search(exc.detail)
    number = next(filter(None, line.groups()), "") if line else ""
    blocked = Message(
        "As long as it is so, no collector starts that is new or has another configuration; those "
        "that run go on and can be stopped. An administrator has to repair or remove that file."
    )
    if not number:
        return Message(
            "supervisord cannot read the file %(path)s. %(blocked)s", path=path, blocked=blocked
        )
    return Message(
        "supervisord cannot read the file %(path)s, line %(line)s. %(blocked)s",
        path=path,
        line=number,
        blocked=blocked,
    )


def _first_unreadable(place: Paths) -> str:
    """Where supervisord does not name the file: the first that its parser does not take."""
    for path in sorted(place.conf.glob("*.conf")):
        try:
            conf.check(path.read_text(encoding="utf-8"))
        except (conf.BrokenConfiguration, UnicodeDecodeError):
            return str(path)
        except OSError:
            continue
    return ""


def _unwritable(exc: OSError, place: Paths) -> str:
    """Which folder does not take our files, whose it is, and who we are."""
    folder = Path(exc.filename).parent if isinstance(exc.filename, str) else place.conf
    try:
        status = folder.stat()
    except OSError:
        return Message(
            "The configuration of the stream processes cannot be written into %(folder)s "
            "(%(reason)s).",
            folder=folder,
            reason=exc.strerror,
        )
    return Message(
        "The configuration of the stream processes cannot be written into %(folder)s (%(reason)s). "
        "The folder belongs to %(owner)s and the group %(group)s, with the rights %(mode)s; the "
        "pages run as %(user)s, who has to be able to write there.",
        folder=folder,
        reason=exc.strerror,
        owner=user_name(status.st_uid),
        group=_group_name(status.st_gid),
        mode=stat.filemode(status.st_mode),
        user=user_name(os.geteuid()),
    )


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
