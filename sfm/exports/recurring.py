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
from sfm.exports.build import MAX_TRIES, TOO_MANY, Watch, is_current, no_watch
from sfm.exports.format import layout_from
from sfm.exports.request import criteria_from
from sfm.exports.result import ExportRequest, ExportResult
from sfm.exports.storage import exports_folder, remove_leftovers, slug
from sfm.exports.worker_process import build_in_process
from sfm.messages import Message, join_messages
from sfm.models import ExportFile, RecurringExport, User
from sfm.runs.context import RunContext
from sfm.runs.errors import Cancelled, Interrupted, LeaseLost

logger = logging.getLogger(__name__)

EVERY = {"day": Message("each day"), "week": Message("each week"), "month": Message("each month")}


def repeat(export: ExportFile, every: str) -> RecurringExport:
    """Have an export made again and again, for the first time now. Flushed. Raises WrongInput."""
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
    made = RecurringExport(
        owner_id=export.owner_id,
        title=export.title,
        criteria=export.criteria,
        layout=export.layout,
        every=every,
        next_at=clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    audit.record("export.repeated", kind="export", subject_id=export.id, subject=export.title)
    return made


def next_after(moment: datetime, every: str) -> datetime:
    """A day, a week or a month later; of a month without that day, its last."""
    if every == "day":
        return moment + timedelta(days=1)
    if every == "week":
        return moment + timedelta(weeks=1)
    first_of_next = (moment.replace(day=1) + timedelta(days=32)).replace(day=1)
    last_of_next = (first_of_next + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first_of_next.replace(day=min(moment.day, last_of_next.day))


def due() -> Sequence[int]:
    """The numbers of those whose time has come."""
    return db.session.scalars(
        select(RecurringExport.id)
        .where(RecurringExport.is_active, RecurringExport.next_at <= clock.now())
        .order_by(RecurringExport.next_at)
    ).all()


def make_one(number: int, watch: Watch = no_watch) -> int:
    """Make one of them now; 1 if it came out well, else 0. Commits. `watch` may raise to stop."""
    try:
        order, target = _order_of(db.session.get_one(RecurringExport, number))
        db.session.rollback()
        product = _make_current(order, target, watch)
        message = f"{product.facts.rows_written:,} tweets"
    except (Cancelled, Interrupted, LeaseLost):
        raise  # it stays due
    except SfmError as exc:
        message, target = exc.message, Path()
        logger.warning("recurring export failed number=%d reason=%s", number, exc.message)
    begin_write()  # ends what an error above has left open
    one = db.session.get_one(RecurringExport, number)
    one.message, one.last_at = message, clock.now()
    one.last_file = target.name or one.last_file
    while one.next_at <= clock.now():
        one.next_at = next_after(one.next_at, one.every)
    db.session.commit()
    return int(bool(target.name))


def _order_of(recurring_export: RecurringExport) -> tuple[ExportRequest, Path]:
    """What to make now, and where. Raises SfmError where it cannot be made any more."""
    criteria = criteria_from(recurring_export.criteria)
    layout = layout_from(recurring_export.layout)
    owner = recurring_export.owner
    order = service.request_of(criteria, layout, asked_by=owner.username, reader_id=owner.id)
    name = service.file_name(criteria, layout, recurring_export.id)
    return order, folder_of(recurring_export) / _dated_name(name)


def _make_current(order: ExportRequest, target: Path, watch: Watch) -> ExportResult:
    """Make it until no post was removed for good meanwhile."""
    for _ in range(MAX_TRIES):
        product = build_in_process(order, target, watch)
        begin_write()
        current = is_current(product)
        db.session.rollback()
        if current:
            return product
        target.unlink(missing_ok=True)
    raise WrongInput(TOO_MANY)


def _dated_name(name: str) -> str:
    stem, _dot, suffix = name.partition(".")
    return f"{stem}-{clock.now():%Y-%m-%dT%H-%M-%SZ}.{suffix}"


def folder_of(one: RecurringExport) -> Path:
    """The folder that its files go into, made at the first call."""
    folder = exports_folder() / "recurring" / f"{one.id}-{slug(one.title)}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def listed(reader: User) -> Sequence[RecurringExport]:
    """A person's recurring exports, a superuser's are all; newest first."""
    wanted = select(RecurringExport).where(reader.may_see(RecurringExport.owner_id))
    return db.session.scalars(wanted.order_by(RecurringExport.id.desc())).all()


def find(reader: User, number: int) -> RecurringExport:
    """One that this person may change. Raises NotFound."""
    theirs = reader.may_see(RecurringExport.owner_id)
    wanted = select(RecurringExport).where(RecurringExport.id == number, theirs)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound(
            Message("There is no such recurring export, or it belongs to somebody else.")
        )
    return found


def stop(one: RecurringExport) -> None:
    """Make it no more; the files made so far stay in their folder. Flushed."""
    audit.record("export.no_longer_repeated", kind="export", subject=one.title)
    db.session.delete(one)
    db.session.flush()


def tidy_exports(run: RunContext) -> dict[str, Any]:
    """Make the recurring exports that are due, remove expired files and what killed exports left,
    and write down as failed what nobody makes any more. Commits."""
    begin_write()
    expired = storage.expire()
    service.fail_abandoned()
    db.session.commit()
    leftovers = remove_leftovers()
    waiting = due()
    db.session.rollback()
    run.show(total=len(waiting))
    made = 0
    for number in waiting:
        run.check()
        well = make_one(number, lambda _done, _total: run.check())
        made += well
        run.advance(1, well)
    return {"expired": expired, "made": made, "leftovers": leftovers}
