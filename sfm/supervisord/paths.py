"""Where the parts of one installation are, as supervisord has to know them."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sfm.config import Settings
from sfm.errors import BadSetting
from sfm.messages import Message

PROJECT = Path(__file__).resolve().parents[2]

# A socket's address holds 107 bytes, and supervisord first binds one with its process id behind.
MAX_SOCKET_PATH_BYTES = 95

# Blanks are good, for every path is quoted. A quote would end it, `%` is expanded, and
# everything behind a blank with `;` or `#` is cut off.
_GOOD_PATH = re.compile(r"/[\w ./@+,:=~^-]*")
_GOOD_OWNER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")


@dataclass(frozen=True)
class Paths:
    """Paths of one installation, and the system user that collectors run as ("" for our own).

    `data` is where collectors write; None where nothing is to be checked there.
    """

    python: Path
    project: Path
    instance: Path
    run: Path
    logs: Path
    conf: Path
    socket: Path
    owner: str = ""
    data: Path | None = None


def paths_of(settings: Settings) -> Paths:
    """The places that the settings name. Raises BadSetting for one supervisord cannot read."""
    instance = settings.instance.absolute()
    socket = settings.supervisor_unix_socket_file
    place = Paths(
        python=Path(sys.executable),
        project=PROJECT,
        instance=instance,
        run=instance / "run",
        logs=(settings.supervisor_log_dir or instance / "logs").absolute(),
        conf=(settings.supervisor_conf_dir or _conf_folder(instance)).absolute(),
        socket=(socket or _own_socket(instance)).absolute(),
        owner=settings.supervisor_process_owner,
        data=settings.data_folder.absolute(),
    )
    check(place)
    return place


def check(place: Paths) -> None:
    """Raise BadSetting for a path or name that would not stay one word in a configuration."""
    for path in (place.python, place.project, place.instance, place.run, place.logs, place.conf):
        if not _GOOD_PATH.fullmatch(str(path)):
            raise BadSetting(
                str(path),
                Message(
                    "supervisord cannot be told of this path; use letters, digits, blanks and "
                    "./_@+-"
                ),
            )
    if place.owner and not _GOOD_OWNER.fullmatch(place.owner):
        raise BadSetting("SUPERVISOR_PROCESS_OWNER", Message("takes the name of one system user"))


def make_folders(place: Paths) -> None:
    """Make the folders for sockets and locks, logs and configuration, ours alone to read.

    A folder that is there already is left as it is: `/var/log/sfm` and a `conf.d` that a group
    may write are the sysadmin's. Raises BadSetting where a folder cannot be made.
    """
    for folder in (place.run, place.logs, place.conf):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise BadSetting(
                str(folder), Message("the folder cannot be made (%(reason)s)", reason=exc.strerror)
            ) from exc


def make_socket_folder(place: Paths) -> None:
    """Make the socket's folder, ours alone; raise BadSetting where another's is in its place."""
    folder = place.socket.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as exc:
        raise BadSetting(
            str(folder), Message("the folder cannot be made (%(reason)s)", reason=exc.strerror)
        ) from exc
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise BadSetting(
            "SUPERVISOR_UNIX_SOCKET_FILE",
            Message(
                "needs a folder that only you can open, and %(folder)s is not; choose another",
                folder=folder,
            ),
        )


def _conf_folder(instance: Path) -> Path:
    """`supervisor/conf.d` belongs to the instance in the project's folder, and to it alone."""
    if instance.parent == PROJECT and (PROJECT / "supervisor").is_dir():
        return PROJECT / "supervisor" / "conf.d"
    return instance / "conf.d"


def _own_socket(instance: Path) -> Path:
    socket = instance / "run" / "supervisor.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES:
        return socket
    word = hashlib.sha256(os.fsencode(instance)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sfm-{os.getuid()}-{word}" / "supervisor.sock"
