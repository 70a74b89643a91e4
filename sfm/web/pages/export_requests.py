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

from sfm.accounts import sets
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.exports import selection as export_selection
from sfm.exports import service
from sfm.exports.build import MAX_TRIES, TOO_MANY, is_current, make
from sfm.exports.format import Layout
from sfm.exports.readers import database
from sfm.exports.readers.id_list import read_ids
from sfm.exports.request import Criteria, new_seed
from sfm.exports.storage import AT_ONCE, exports_folder, lists_folder
from sfm.exports.task import make_at_once
from sfm.extensions import settings
from sfm.models import ExportFile, User
from sfm.posts.selection import Selection
from sfm.web.template_filters import time_zone

COUNTED_AT_MOST = 100_000


def criteria_asked(reader: User) -> Criteria:
    """What the address asks for. Raises WrongInput, NotFound also for somebody else's set."""
    selection = Selection.from_args(request.args, time_zone())
    if selection.set_id is not None:
        sets.find(reader, selection.set_id)
    if any(request.args.get(name) for name in export_selection.ARGS):
        return export_selection.chosen_files(reader, request.args, selection)
    return export_selection.of_selection(selection)


def with_list(criteria: Criteria, sent: FileStorage | None) -> Criteria:
    """The criteria, of the ids in a list that was sent along. Raises WrongInput."""
    if sent is None or not sent.filename:
        return criteria
    path = lists_folder() / f"{secrets.token_hex(8)}.txt"
    sent.save(path)
    listed = read_ids(path)
    if not listed.ids:
        path.unlink()
        raise WrongInput(_("There is no post id in this file. It needs one id on each line."))
    title = f"Tweets of a list of {len(listed.ids):,} ids"
    return replace(criteria, source="ids", ids_file=str(path), title=title)


def with_sample(criteria: Criteria, sample: int | None) -> Criteria:
    """The criteria, of so many drawn by chance."""
    return criteria if sample is None else replace(criteria, sample=sample, seed=new_seed())


def expected_rows(criteria: Criteria) -> int:
    """How many posts it will be; exact where a daily number is set, else up to 100,000."""
    if criteria.source == "ids":
        rows = len(read_ids(Path(criteria.ids_file)).ids)
    elif criteria.source == "files":
        rows = export_selection.lines_in(criteria)
    else:
        most = None if settings().export_daily_rows else COUNTED_AT_MOST
        rows = database.count_wanted(criteria, most)
    return rows if criteria.sample is None else min(rows, criteria.sample)


def ask(reader: User, criteria: Criteria, layout: Layout) -> ExportFile:
    """The export, queued, and made at once if it is small. Commits."""
    reader_id = reader.id
    rows = expected_rows(criteria)
    small = rows <= settings().export_rows_at_once and criteria.source != "files"
    begin_write()
    owner = db.session.get(User, reader_id)
    if owner is None:
        raise NotFound(_("You are no longer a user here."))
    export = service.ask(owner, criteria, layout, rows=rows)
    export_id, run_id = export.id, export.run_id
    db.session.commit()
    if small and run_id is not None:  # else it waits for a superuser
        make_at_once(run_id)
    return db.session.get_one(ExportFile, export_id)


def is_small(reader: User, criteria: Criteria, layout: Layout) -> bool:
    """Whether it may be made while the reader waits, without a superuser's word."""
    rows = expected_rows(criteria)
    return rows <= settings().export_rows_at_once and not service.needs_agreement(
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
    order = service.request_of(criteria, layout, asked_by=reader.username, reader_id=reader.id)
    db.session.rollback()
    for _try in range(MAX_TRIES):
        with tempfile.TemporaryDirectory(dir=exports_folder(), prefix=AT_ONCE) as folder:
            product = make(order, Path(folder) / "export")
            file = open(product.path, "rb")
        begin_write()
        if is_current(product):  # else posts were removed for good meanwhile
            service.record_direct_download(criteria, layout, product)
            db.session.commit()
            return MadeAtOnce(file, product.size_bytes, product.sha256)
        db.session.rollback()
        file.close()
    raise WrongInput(TOO_MANY)
