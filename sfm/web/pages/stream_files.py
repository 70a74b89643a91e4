"""Stream files: by day and stream, first posts, check, download, hand on to import or export."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.errors import SfmError, WrongInput
from sfm.extensions import settings
from sfm.models import StreamFile, TwitterFilter
from sfm.runs import queue
from sfm.runs.jobs import IMPORT_TWEETS
from sfm.streams import files
from sfm.streams.files import FirstPost, first_posts
from sfm.supervisord.conf import SAMPLE_PREFIX
from sfm.web.access import access, signed_in_user
from sfm.web.headers import add_digest
from sfm.web.htmx import done, page_or_part
from sfm.web.request_limits import possible_id
from sfm.web.translation import translate

bp = Blueprint("stream_files", __name__)

MAX_FILES = 1000


@bp.get("/files/")
@access("signed_in")
def index() -> Response:
    reader = signed_in_user()
    stream, day = request.args.get("stream", ""), _day(request.args.get("day", ""))
    listed: list[StreamFile] = []
    if stream and day is not None:
        listed = files.of_selection(reader, stream, day, day + timedelta(days=1))[:MAX_FILES]
    days = [entry for entry in files.days(reader) if not stream or entry.prefix == stream]
    return page_or_part(
        "stream_files/index.html",
        "stream_files/_files.html",
        days=days,
        listed=listed,
        stream=stream,
        day=day.date() if day else None,
        filters=_names(days),
    )


@bp.get("/files/<id:file_id>/")
@access("owner")
def show(file_id: int) -> str:
    row = files.by_id(file_id, signed_in_user())
    posts: tuple[FirstPost, ...] = ()
    problem = ""
    try:
        posts = first_posts(files.path_of(settings().data_folder, row))
    except SfmError as exc:
        problem = exc.message
    return render_template("stream_files/show.html", row=row, posts=posts, problem=problem)


@bp.get("/files/<id:file_id>/download")
@access("owner")
def download(file_id: int) -> Response:
    row = files.by_id(file_id, signed_in_user())
    path = files.path_of(settings().data_folder, row)
    answer = send_file(
        path, mimetype="application/gzip", as_attachment=True, download_name=path.name
    )
    add_digest(answer, row.sha256)
    return answer


@bp.post("/files/<id:file_id>/check/")
@access("owner")
def check(file_id: int) -> BaseResponse:
    row = files.by_id(file_id, signed_in_user())
    damage = files.verify(settings().data_folder, row)
    db.session.commit()
    here = url_for("stream_files.show", file_id=file_id)
    if damage:
        return done(here, _("The file is damaged: %(damage)s", damage=translate(damage)), "error")
    return done(here, _("The file is as it was when it was sealed."))


@bp.post("/files/hand-on/")
@access("owner")
def hand_on() -> BaseResponse:
    """The ticked files: to the export page, or, for superusers, into the database."""
    reader = signed_in_user()
    numbers = request.form.getlist("file", type=possible_id)[:MAX_FILES]
    file_ids = [files.by_id(number, reader).id for number in numbers]
    if not file_ids:
        raise WrongInput(_("Tick the files first."))
    if request.form.get("to") == "export":
        return redirect(url_for("exports.new", files=",".join(map(str, file_ids))), 303)
    if not reader.is_superuser:
        raise WrongInput(_("Only an administrator can import files into the database."))
    queue.enqueue(
        IMPORT_TWEETS,
        params={"stream_files": file_ids, "add_users": bool(request.form.get("add_users"))},
        requested_by_id=reader.id,
    )
    db.session.commit()
    return done(
        url_for("stream_files.index"), _("The import is asked for, and begins in a moment.")
    )


def _names(days: list[files.DayOfFiles]) -> dict[str, str]:
    """What people call each stream."""
    called = {SAMPLE_PREFIX: _("Sample of all posts")}
    for entry in days:
        row = db.session.get(TwitterFilter, entry.filter_id) if entry.filter_id else None
        called.setdefault(entry.prefix, row.name if row else entry.prefix)
    return called


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError:
        return None
