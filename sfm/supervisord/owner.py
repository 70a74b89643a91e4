"""Whether the user that collectors run as can read and write what they need."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from sfm.errors import BadSetting
from sfm.messages import Message
from sfm.supervisord.paths import Paths

READ, WRITE, SEARCH = 4, 2, 1


def check_owner(place: Paths) -> None:
    """Raise BadSetting where SUPERVISOR_PROCESS_OWNER cannot use the installation.

    The instance is its owner's alone, and so are the files that collectors write: whoever else
    runs them fails at each start. A name that is no user is left to supervisord's own check.
    """
    try:
        user = pwd.getpwnam(place.owner) if place.owner else None
    except KeyError:
        return
    if user is None or user.pw_uid in (0, os.geteuid()):
        return
    groups = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for path, needed in _needed(place):
        if not _may(path, needed, user.pw_uid, groups):
            raise BadSetting(
                "SUPERVISOR_PROCESS_OWNER",
                Message(
                    "the user %(owner)s may not use %(path)s, which collectors need. Name the user "
                    "that the pages run as (here %(user)s), or leave the setting out",
                    owner=user.pw_name,
                    path=path,
                    user=user_name(os.geteuid()),
                ),
            )


def user_name(uid: int) -> str:
    """The name of a system user, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _needed(place: Paths) -> Iterator[tuple[Path, int]]:
    """What a collector opens, each after the folders above it, and the rights it needs."""
    files = [place.instance / "local_settings.py", place.instance / "sfm.sqlite3"]
    rights = {
        place.python: READ | SEARCH,
        place.project: READ | SEARCH,
        place.instance: READ | WRITE | SEARCH,
        **dict.fromkeys((*files, *sorted(place.instance.glob("*.key"))), READ),
        place.run: READ | WRITE | SEARCH,
    }
    if place.data is not None:
        rights[place.data] = READ | WRITE | SEARCH
    for path, needed in rights.items():
        for folder in reversed(path.parents):
            yield folder, SEARCH
        yield path, needed


def _may(path: Path, needed: int, uid: int, groups: set[int]) -> bool:
    """Whether the mode lets this user; a path that is not there stands in nobody's way."""
    try:
        status = path.stat()
    except OSError:
        return True
    shift = 6 if status.st_uid == uid else 3 if status.st_gid in groups else 0
    return (status.st_mode >> shift) & needed == needed
