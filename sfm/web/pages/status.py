"""Processes of streams: what should run and what runs, live; start, stop, restart; logs."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm import audit
from sfm.database import db
from sfm.errors import NotFound, SfmError
from sfm.extensions import settings
from sfm.filters import reconcile, service
from sfm.models import TwitterFilter
from sfm.streams import dashboard
from sfm.supervisord import logs
from sfm.supervisord.paths import paths_of
from sfm.web.access import access, signed_in_user
from sfm.web.htmx import done, page_or_part

bp = Blueprint("status", __name__)


@bp.get("/status/")
@access("superuser")
def index() -> Response:
    return page_or_part("status/index.html", "status/_streams.html", board=dashboard.board())


@bp.post("/status/<id:filter_id>/start/")
@access("superuser")
def start(filter_id: int) -> BaseResponse:
    twitter_filter = _active(filter_id)
    service.release(twitter_filter)
    program = reconcile.program_of(twitter_filter.id)
    reconcile.forget_retry([program] if program else [])
    return _applied(_("Started: %(name)s.", name=twitter_filter.name))


@bp.post("/status/<id:filter_id>/stop/")
@access("superuser")
def stop(filter_id: int) -> BaseResponse:
    twitter_filter = _active(filter_id)
    service.hold(twitter_filter, signed_in_user())
    return _applied(_("Stopped: %(name)s.", name=twitter_filter.name))


@bp.post("/status/<id:filter_id>/restart/")
@access("superuser")
def restart(filter_id: int) -> BaseResponse:
    twitter_filter = _active(filter_id)
    program = reconcile.note_restart(filter_id)
    audit.record(
        "process.restarted",
        kind="filter",
        subject_id=twitter_filter.id,
        subject=twitter_filter.name,
    )
    db.session.commit()
    return _done_or_refused(
        lambda: reconcile.supervisord_client(reconcile.REQUEST_SECONDS).restart(program),
        _("It is started again."),
    )


def _applied(message: str) -> BaseResponse:
    """Commit, then have supervisord follow; the message, or what still waits."""
    db.session.commit()
    outcome = reconcile.outcome(reconcile.apply(), message)
    return done(url_for("status.index"), outcome.message, "warning" if outcome.waits else "success")


def _done_or_refused(action: Callable[[], None], message: str) -> BaseResponse:
    try:
        action()
    except SfmError as exc:
        return done(url_for("status.index"), exc.message, "warning")
    return done(url_for("status.index"), message)


def _active(filter_id: int) -> TwitterFilter:
    twitter_filter = service.by_id(filter_id)
    if not twitter_filter.is_active:
        raise NotFound(_("This filter is not active, so it has no process."))
    return twitter_filter


@bp.get("/status/log/")
@access("superuser")
def log() -> str:
    name, channel = request.args.get("of", ""), request.args.get("channel", "err")
    text = logs.tail(paths_of(settings()), name, channel)
    return render_template("status/log.html", name=name, channel=channel, text=text)
