"""From what a page asks for to an export: criteria out of the address, files sent, room counted."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from flask import request
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from sfm.database import begin_write, db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.exports import service
from sfm.exports.build import MAX_TRIES, TOO_MANY_REMOVALS, build_export, is_unaffected_by_removals
from sfm.exports.format import Layout
from sfm.exports.request import Criteria, TypedExport, prepare, read_criteria
from sfm.exports.storage import AT_ONCE, exports_folder, lists_folder
from sfm.exports.task import make_at_once
from sfm.extensions import settings
from sfm.models import ExportFile, User
from sfm.web.template_filters import time_zone


def criteria_from_address(reader: User) -> Criteria:
    """What the address asks for. Raises WrongInput, NotFound also for somebody else's set."""
    return read_criteria(TypedExport(request.args, time_zone()), reader)


def criteria_from_form(reader: User, sent: FileStorage | None, sample: int | None) -> Criteria:
    """What the address asks for, of the ids in a list that was sent along, or of a sample.

    Keeps the list. Raises WrongInput, NotFound also for somebody else's set.
    """
    typed = TypedExport(request.args, time_zone(), sample=sample)
    if sent is None or not sent.filename:
        return read_criteria(typed, reader)
    path = lists_folder() / f"{secrets.token_hex(8)}.txt"
    sent.save(path)
    try:
        return read_criteria(replace(typed, id_list=path), reader)
    except SfmError:
        path.unlink()
        raise


def ask(reader: User, criteria: Criteria, layout: Layout) -> ExportFile:
    """The export, queued, and made at once if it is small. Commits."""
    reader_id = reader.id
    rows = service.count_expected(criteria)
    small = rows <= settings().export_rows_at_once and criteria.source != "files"
    begin_write()
    owner = db.session.get(User, reader_id)
    if owner is None:
        raise NotFound(_("You are no longer a user here."))
    export = service.create_export(owner, criteria, layout, rows=rows)
    export_id, run_id = export.id, export.run_id
    db.session.commit()
    if small and run_id is not None:  # else it waits for a superuser
        make_at_once(run_id)
    return db.session.get_one(ExportFile, export_id)


def is_small(reader: User, criteria: Criteria, layout: Layout) -> bool:
    """Whether it may be made while the reader waits, without a superuser's word."""
    rows = service.count_expected(criteria)
    return rows <= settings().export_rows_at_once and not service.needs_approval(
        reader, layout, rows
    )


@dataclass(frozen=True)
class MadeAtOnce:
    """A finished file that has no name any more: it goes when it is closed."""

    file: BinaryIO
    size_bytes: int
    sha256: str


def made_at_once(reader: User, criteria: Criteria, layout: Layout) -> MadeAtOnce:
    """The whole file, made and counted before its first byte is sent. Commits the audit entry."""
    export_request = prepare(criteria, layout, asked_by=reader.username, reader_id=reader.id)
    db.session.rollback()
    for _try in range(MAX_TRIES):
        with tempfile.TemporaryDirectory(dir=exports_folder(), prefix=AT_ONCE) as folder:
            result = build_export(export_request, Path(folder) / "export")
            file = open(result.path, "rb")
        begin_write()
        if is_unaffected_by_removals(result):  # else posts were removed for good meanwhile
            service.record_direct_download(criteria, layout, result)
            db.session.commit()
            return MadeAtOnce(file, result.size_bytes, result.sha256)
        db.session.rollback()
        file.close()
    raise WrongInput(TOO_MANY_REMOVALS)
