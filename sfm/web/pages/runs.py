"""Runs: what goes on, waits or has ended; live progress; cancel, go on, try again."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm import clock
from sfm.database import db
from sfm.models import Run
from sfm.models.run import RUN_STATES
from sfm.runs import actions, queries
from sfm.runs.jobs import JOBS, job_of
from sfm.web.access import access, current_user, signed_in_user
from sfm.web.htmx import done, page_or_part
from sfm.web.pagination import SortOrder, slice_of
from sfm.web.request_limits import possible_id

bp = Blueprint("runs", __name__)

PAGE = 50
ERRORS = 100
BY_ID = SortOrder("runs", (Run.id,), (int,), descending=True)


@bp.get("/runs/")
@access("signed_in")
def index() -> Response:
    kind = request.args.get("kind", "") if request.args.get("kind") in JOBS else ""
    state = request.args.get("state", "") if request.args.get("state") in RUN_STATES else ""
    page = slice_of(queries.runs_of(kind, state), BY_ID, request.args.get("at"), PAGE)
    return page_or_part(
        "runs/index.html",
        "runs/_table.html",
        slice=page,
        jobs=[job for job in JOBS.values() if job.has_runs],
        job_of=job_of,
        states=RUN_STATES,
        kind=kind,
        state=state,
        is_live=any(run.is_open for run in page.rows),
    )


@bp.get("/runs/<id:run_id>/")
@access("signed_in")
def show(run_id: int) -> Response:
    run = queries.find(run_id)
    after = request.args.get("after", default=0, type=possible_id)
    errors = queries.errors_of(run_id, after_id=after, limit=ERRORS + 1)
    user = current_user()
    return page_or_part(
        "runs/show.html",
        "runs/_progress.html",
        run=run,
        job=job_of(run.kind),
        expected_end=queries.expected_end(run),
        every=_every(run),
        errors=errors[:ERRORS],
        errors_count=queries.errors_count(run_id),
        more_after=errors[ERRORS - 1].id if len(errors) > ERRORS else None,
        shows_details=bool(user and user.is_superuser),
    )


def _every(run: Run) -> int:
    """Seconds between two requests of the page: longer for a longer run."""
    if not run.is_open:
        return 0
    age = (clock.now() - (run.started_at or run.queued_at)).total_seconds()
    return 2 if age < 120 else 5 if age < 900 else 15


@bp.post("/runs/<id:run_id>/cancel/")
@access("superuser")
def cancel(run_id: int) -> BaseResponse:
    run = actions.cancel(run_id)
    message = (
        _("The run stops at its next item.")
        if run.state == "running"
        else _("The run is cancelled.")
    )
    db.session.commit()
    return done(url_for("runs.show", run_id=run_id), message)


@bp.post("/runs/<id:run_id>/resume/")
@access("superuser")
def resume(run_id: int) -> BaseResponse:
    actions.resume(run_id)
    db.session.commit()
    return done(url_for("runs.show", run_id=run_id), _("The run goes on in a moment."))


@bp.post("/runs/<id:run_id>/retry/")
@access("superuser")
def retry(run_id: int) -> BaseResponse:
    again = actions.retry_failed(run_id, signed_in_user().id)
    db.session.commit()
    return done(url_for("runs.show", run_id=again.id), _("Those that failed are tried again."))
