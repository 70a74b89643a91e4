"""Administration: where everything is managed, and the plain tables of what was collected."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from sfm.models.run import RUN_STATES
from sfm.posts import queries
from sfm.runs.jobs import job_of
from sfm.users.usage import usage_this_month
from sfm.web.access import access
from sfm.web.htmx import page_or_part
from sfm.web.pages import admin_rows
from sfm.web.pages.links import WORDS
from sfm.web.pages.post_facets import KINDS

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@access("superuser")
def index() -> str:
    return render_template(
        "admin/index.html", held=queries.collection_totals(), usage=usage_this_month()
    )


@bp.get("/twitter-user-items/")
@access("superuser")
def items() -> Response:
    name, sort = request.args.get("q", "").strip()[:60], request.args.get("kind", "")
    wanted = sort if sort in KINDS else ""
    return page_or_part(
        "admin/items.html", "admin/_items.html",
        slice=admin_rows.item_rows(name, wanted, request.args.get("at")),
        q=name, kind=wanted, kinds=KINDS,
    )  # fmt: skip


@bp.get("/twitter-user-item-urls/")
@access("superuser")
def urls() -> Response:
    text = request.args.get("q", "").strip()[:500]
    return page_or_part(
        "admin/urls.html", "admin/_urls.html",
        slice=admin_rows.link_rows(text, request.args.get("at")), q=text, words=WORDS,
    )  # fmt: skip


@bp.get("/timeline-jobs/")
@access("superuser")
def jobs() -> Response:
    state = request.args.get("state", "")
    wanted = state if state in RUN_STATES else ""
    return page_or_part(
        "admin/jobs.html", "admin/_jobs.html",
        slice=admin_rows.job_rows(wanted, request.args.get("at")),
        state=wanted, states=RUN_STATES, job_of=job_of,
    )  # fmt: skip


@bp.get("/timeline-errors/")
@access("superuser")
def errors() -> Response:
    text = request.args.get("q", "").strip()[:200]
    return page_or_part(
        "admin/errors.html", "admin/_errors.html",
        slice=admin_rows.error_rows(text, request.args.get("at")), q=text, job_of=job_of,
    )  # fmt: skip
