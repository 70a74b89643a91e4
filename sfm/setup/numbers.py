"""Goes on counting above the numbers in names of files: a copy that is put back knows fewer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from sfm.database import begin_write, db
from sfm.models import ExportFile, RecurringExport, TwitterFilter
from sfm.supervisord.conf import FILTER_PREFIX

# SQLite and PostgreSQL: the last number given out, and how to go on above another.
_LAST = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = :name",
    "postgresql": (
        "SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence(:name, 'id') AS regclass))"
    ),
}
_GO_ON = {
    "sqlite": "UPDATE sqlite_sequence SET seq = :number WHERE name = :name",
    "postgresql": "SELECT setval(pg_get_serial_sequence(:name, 'id'), :number)",
}
_FILTER = re.compile(rf"{FILTER_PREFIX}([0-9]{{1,15}})(?:-.*)?")
_EXPORT = re.compile(r"([0-9]{1,15})")
_RECURRING = re.compile(r"([0-9]{1,15})-.*")


def count_on_above_files(data_folder: Path) -> None:
    """Give the next filter and the next exports no number that a file or folder here has. Commits.

    Looks at names only: of stream files, of their folders, and of the folders of exports.
    """
    places = (
        (TwitterFilter.__tablename__, data_folder, _FILTER),
        (ExportFile.__tablename__, data_folder / "exports", _EXPORT),
        (RecurringExport.__tablename__, data_folder / "exports" / "recurring", _RECURRING),
    )
    highest = {name: max(_numbers_in(folder, form), default=0) for name, folder, form in places}
    begin_write()
    connection = db.session.connection()
    for name, number in highest.items():
        if number > _last_number(connection, name):
            go_on = text(_GO_ON[connection.dialect.name])
            connection.execute(go_on, {"name": name, "number": number})
    db.session.commit()


def _last_number(connection: Connection, name: str) -> int:
    return connection.scalar(text(_LAST[connection.dialect.name]), {"name": name}) or 0


def _numbers_in(folder: Path, form: re.Pattern[str]) -> Iterator[int]:
    for path in folder.iterdir() if folder.is_dir() else ():
        match = form.fullmatch(path.name)
        if match:
            yield int(match[1])
