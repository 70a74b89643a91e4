"""The schedule: what runs by itself, when; pause, change, run now."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.errors import WrongInput
from sfm.extensions import settings
from sfm.runs import scheduled_jobs
from sfm.web.access import access, signed_in_user
from sfm.web.forms.jobs import ScheduleForm
from sfm.web.htmx import done, page_or_part

bp = Blueprint("jobs", __name__, url_prefix="/admin/jobs")


@bp.get("/")
@access("superuser")
def index() -> Response:
    return page_or_part(
        "jobs/index.html",
        "jobs/_table.html",
        jobs=scheduled_jobs.job_statuses(),
        is_on=settings().scheduler,
    )


@bp.get("/<string:name>/")
@access("superuser")
def edit(name: str) -> Response:
    planned = _planned(name)
    form = ScheduleForm(formdata=None, schedule=planned.schedule, paused=planned.paused)
    return _page(planned, form)


@bp.post("/<string:name>/")
@access("superuser")
def save(name: str) -> Response | BaseResponse:
    planned = _planned(name)
    form = ScheduleForm()
    if not form.validate():
        return _page(planned, form, 422)
    text = None if form.as_delivered.data else form.schedule.data
    try:
        scheduled_jobs.change_schedule(
            name, text=text, paused=form.paused.data, by_id=signed_in_user().id
        )
    except WrongInput as exc:
        db.session.rollback()
        form.refuse("schedule", exc.message)
        return _page(_planned(name), form, 422)
    db.session.commit()
    return done(url_for("jobs.index"), _("The schedule is changed."))


@bp.post("/<string:name>/pause/")
@access("superuser")
def pause(name: str) -> BaseResponse:
    """Pause a job that goes on, let a paused one go on."""
    planned = _planned(name)
    text = planned.schedule if planned.is_changed else None
    scheduled_jobs.change_schedule(
        name, text=text, paused=not planned.paused, by_id=signed_in_user().id
    )
    db.session.commit()
    message = _("The job goes on.") if planned.paused else _("The job is paused.")
    return done(url_for("jobs.index"), message)


@bp.post("/<string:name>/run/")
@access("superuser")
def run_now(name: str) -> BaseResponse:
    run = scheduled_jobs.run_now(name, signed_in_user().id)
    if run is None:
        raise WrongInput(_("This job runs so often that it cannot be asked for."))
    db.session.commit()
    return done(url_for("runs.show", run_id=run.id), _("The run begins in a moment."))


def _planned(name: str) -> scheduled_jobs.JobStatus:
    scheduled_jobs.find(name)
    return next(planned for planned in scheduled_jobs.job_statuses() if planned.job.name == name)


def _page(planned: scheduled_jobs.JobStatus, form: ScheduleForm, status: int = 200) -> Response:
    return page_or_part("jobs/edit.html", "jobs/_form.html", status, planned=planned, form=form)
