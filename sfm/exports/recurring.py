"""Exports made again each day, week or month, into a folder of their own. Files stay there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import begin_write, db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.exports import service, storage
from sfm.exports.build import (
    MAX_TRIES,
    TOO_MANY_REMOVALS,
    Watch,
    is_unaffected_by_removals,
    no_watch,
)
from sfm.exports.format import layout_from
from sfm.exports.request import ExportRequest, criteria_from, prepare
from sfm.exports.result import ExportResult
from sfm.exports.storage import exports_folder, remove_leftovers, slug
from sfm.exports.worker_process import build_in_process
from sfm.messages import Message, PluralMessage, join_messages
from sfm.models import ExportFile, RecurringExport, User
from sfm.runs.context import RunContext
from sfm.runs.errors import Cancelled, Interrupted, LeaseLost

logger = logging.getLogger(__name__)

EVERY = {"day": Message("each day"), "week": Message("each week"), "month": Message("each month")}


def add_recurring(export: ExportFile, every: str) -> RecurringExport:
    """Have an export made again and again, for the first time now. Flushed. Raises WrongInput."""
    _check_repeatable(export, every)
    recurring_export = RecurringExport(
        owner_id=export.owner_id,
        title=export.title,
        criteria=export.criteria,
        layout=export.layout,
        every=every,
        next_at=clock.now(),
    )
    db.session.add(recurring_export)
    db.session.flush()
    audit.record("export.repeated", kind="export", subject_id=export.id, subject=export.title)
    return recurring_export


def _check_repeatable(export: ExportFile, every: str) -> None:
    if every not in EVERY:
        raise WrongInput(
            Message("An export is repeated %(names)s.", names=join_messages(EVERY.values(), ", "))
        )
    if export.criteria["source"] != "tweets":
        raise WrongInput(
            Message(
                "Only exports of the collection can be repeated: lists and files do not change."
            )
        )


def next_after(moment: datetime, every: str) -> datetime:
    """A day, a week or a month later; of a month without that day, its last."""
    if every == "day":
        return moment + timedelta(days=1)
    if every == "week":
        return moment + timedelta(weeks=1)
    first_of_next = (moment.replace(day=1) + timedelta(days=32)).replace(day=1)
    last_of_next = (first_of_next + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first_of_next.replace(day=min(moment.day, last_of_next.day))


def due_ids() -> Sequence[int]:
    """The ids of the recurring exports of active Users that are due."""
    return db.session.scalars(
        select(RecurringExport.id)
        .join(RecurringExport.owner)
        .where(RecurringExport.is_active, RecurringExport.next_at <= clock.now(), User.is_active)
        .order_by(RecurringExport.next_at)
    ).all()


def make_due_export(recurring_id: int, watch: Watch = no_watch) -> int:
    """Make one of them now; 1 if it came out well, else 0. Commits. `watch` may raise to stop."""
    try:
        request, target = _next_request(db.session.get_one(RecurringExport, recurring_id))
        db.session.rollback()
        result = _make_current(request, target, watch)
        message: str = PluralMessage("%(num)s post", "%(num)s posts", result.facts.rows_written)
    except (Cancelled, Interrupted, LeaseLost):
        raise  # it stays due
    except SfmError as exc:
        message, target = exc.message, Path()
        logger.warning("recurring export failed number=%d reason=%s", recurring_id, exc.message)
    begin_write()  # ends what an error above has left open
    recurring_export = db.session.get_one(RecurringExport, recurring_id)
    recurring_export.message, recurring_export.last_at = message, clock.now()
    recurring_export.last_file = target.name or recurring_export.last_file
    while recurring_export.next_at <= clock.now():
        recurring_export.next_at = next_after(recurring_export.next_at, recurring_export.every)
    db.session.commit()
    return int(bool(target.name))


def _next_request(recurring_export: RecurringExport) -> tuple[ExportRequest, Path]:
    """What to make now, and where. Raises SfmError where it cannot be made any more."""
    criteria = criteria_from(recurring_export.criteria)
    layout = layout_from(recurring_export.layout)
    owner = recurring_export.owner
    request = prepare(criteria, layout, asked_by=owner.username, reader_id=owner.id)
    name = service.file_name(criteria, layout, recurring_export.id)
    return request, folder_of(recurring_export) / _dated_name(name)


def _make_current(request: ExportRequest, target: Path, watch: Watch) -> ExportResult:
    """Make it until no post was removed for good meanwhile."""
    for _ in range(MAX_TRIES):
        result = build_in_process(request, target, watch)
        begin_write()
        current = is_unaffected_by_removals(result)
        db.session.rollback()
        if current:
            return result
        target.unlink(missing_ok=True)
    raise WrongInput(TOO_MANY_REMOVALS)


def _dated_name(name: str) -> str:
    stem, _dot, suffix = name.partition(".")
    return f"{stem}-{clock.now():%Y-%m-%dT%H-%M-%SZ}.{suffix}"


def folder_of(recurring_export: RecurringExport) -> Path:
    """The folder that its files go into, made at the first call."""
    folder = (
        exports_folder() / "recurring" / f"{recurring_export.id}-{slug(recurring_export.title)}"
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def visible_recurring(reader: User) -> Sequence[RecurringExport]:
    """A person's recurring exports, a superuser's are all; newest first."""
    query = select(RecurringExport).where(reader.may_see(RecurringExport.owner_id))
    return db.session.scalars(query.order_by(RecurringExport.id.desc())).all()


def repeated_of(owner: User) -> Sequence[RecurringExport]:
    """What is made again and again for a User, as long as they are active."""
    theirs = RecurringExport.owner_id == owner.id
    query = select(RecurringExport).where(theirs, RecurringExport.is_active)
    return db.session.scalars(query.order_by(RecurringExport.id)).all()


def name_of(recurring_export: RecurringExport) -> str:
    """A recurring export in words."""
    return Message("the recurring export “%(title)s”", title=recurring_export.title)


def find(reader: User, recurring_id: int) -> RecurringExport:
    """One that this person may change. Raises NotFound."""
    theirs = reader.may_see(RecurringExport.owner_id)
    query = select(RecurringExport).where(RecurringExport.id == recurring_id, theirs)
    recurring_export = db.session.scalar(query)
    if recurring_export is None:
        raise NotFound(
            Message("There is no such recurring export, or it belongs to somebody else.")
        )
    return recurring_export


def remove_recurring(recurring_export: RecurringExport) -> None:
    """Make it no more; the files made so far stay in their folder. Flushed."""
    audit.record("export.no_longer_repeated", kind="export", subject=recurring_export.title)
    db.session.delete(recurring_export)
    db.session.flush()


def tidy_exports(run: RunContext) -> dict[str, Any]:
    """Make the recurring exports that are due, remove expired files and what killed exports left,
    and mark queued exports that no run makes as failed. Commits."""
    begin_write()
    expired = storage.remove_expired()
    service.fail_abandoned()
    db.session.commit()
    leftovers = remove_leftovers()
    waiting = due_ids()
    db.session.rollback()
    run.set_status(total=len(waiting))
    made = 0
    for recurring_id in waiting:
        run.check()
        success = make_due_export(recurring_id, lambda _done, _total: run.check())
        made += success
        run.advance(1, success)
    return {"expired": expired, "made": made, "leftovers": leftovers}
