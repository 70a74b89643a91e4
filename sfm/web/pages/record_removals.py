"""Deleting what was written down of timeline jobs and their errors."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.runs import forgetting
from sfm.web.access import access
from sfm.web.htmx import done
from sfm.web.pages.admin_deletions import chosen_numbers

bp = Blueprint("record_removals", __name__, url_prefix="/admin")


@bp.get("/timeline-jobs/delete/")
@access("superuser")
def ask_jobs() -> str | BaseResponse:
    ids = chosen_numbers("job")
    if not ids:
        return done(url_for("admin.jobs"), _("Tick the jobs first."), "warning")
    return render_template(
        "admin/delete_records.html", name="job", ids=ids,
        title=ngettext("Delete %(num)s job?", "Delete %(num)s jobs?", len(ids)),
        what=_("What is written down of it goes, its errors too. The tweets it brought stay."),
        action=url_for("record_removals.jobs"), back=url_for("admin.jobs"),
        where=_("Timeline jobs"),
    )  # fmt: skip


@bp.post("/timeline-jobs/delete/")
@access("superuser")
def jobs() -> BaseResponse:
    gone = forgetting.runs(chosen_numbers("job"))
    db.session.commit()
    said = ngettext("%(num)s job is deleted.", "%(num)s jobs are deleted.", gone)
    return done(url_for("admin.jobs"), said, "success" if gone else "info")


@bp.get("/timeline-errors/delete/")
@access("superuser")
def ask_errors() -> str | BaseResponse:
    ids = chosen_numbers("error")
    if not ids:
        return done(url_for("admin.errors"), _("Tick the errors first."), "warning")
    return render_template(
        "admin/delete_records.html", name="error", ids=ids,
        title=ngettext("Delete %(num)s error?", "Delete %(num)s errors?", len(ids)),
        what=_("It is no longer shown here, on the account's page and in its job."),
        action=url_for("record_removals.errors"), back=url_for("admin.errors"),
        where=_("Timeline job errors"),
    )  # fmt: skip


@bp.post("/timeline-errors/delete/")
@access("superuser")
def errors() -> BaseResponse:
    gone = forgetting.errors(chosen_numbers("error"))
    db.session.commit()
    said = ngettext("%(num)s error is deleted.", "%(num)s errors are deleted.", gone)
    return done(url_for("admin.errors"), said, "success" if gone else "info")
