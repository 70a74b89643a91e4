"""Exports: asking for one, watching it, downloading it, having it made again and again."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.exports import profiles, recurring, service, storage
from sfm.exports.columns.classic import CLASSIC
from sfm.exports.columns.extended import EXTENDED
from sfm.exports.format import ALL_COLUMNS, FORMATS, Layout, layout_from
from sfm.exports.package.readme import PLATFORM_RULE
from sfm.exports.request import account_named, criteria_from
from sfm.exports.request import of_account as criteria_of_account
from sfm.exports.storage import slug
from sfm.exports.writers.text_rules import CHANGE_WORDS
from sfm.models import ExportFile
from sfm.runs.queries import expected_end
from sfm.web.access import access, signed_in_user
from sfm.web.forms.exports import LayoutForm, RepeatForm, filled_with
from sfm.web.headers import add_digest
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.export_requests import (
    ask,
    criteria_from_address,
    criteria_from_form,
    is_small,
    made_at_once,
)
from sfm.web.pages.post_facets import KINDS
from sfm.web.request_limits import possible_id

bp = Blueprint("exports", __name__)

LIST_BYTES = 5 * 1024 * 1024
PAGE = 50


@bp.get("/exports/")
@access("signed_in")
def index() -> Response:
    reader = signed_in_user()
    before = request.args.get("before", type=possible_id)
    exports = service.visible_exports(reader, before_id=before, limit=PAGE + 1)
    return page_or_part(
        "exports/index.html",
        "exports/_list.html",
        exports=exports[:PAGE],
        trouble=service.describe_failure,
        older=exports[PAGE - 1].id if len(exports) > PAGE else None,
        repeated=recurring.visible_recurring(reader),
        profiles=profiles.profiles_of(reader),
        every=recurring.EVERY,
        formats=FORMATS,
    )


@bp.get("/exports/new/")
@access("signed_in")
def new() -> str:
    reader = signed_in_user()
    layout = Layout()
    if request.args.get("profile"):
        profile = profiles.find(reader, request.args.get("profile", 0, type=possible_id))
        layout = layout_from(profile.layout)
    if request.args.get("format") in FORMATS:
        layout = Layout(format=request.args["format"])
    form = LayoutForm(formdata=None, **filled_with(layout))
    ticked = layout.columns if form.columns.data == "chosen" else ()
    return _asking(form, tuple(ticked))


def _asking(form: LayoutForm, ticked: tuple[str, ...]) -> str:
    reader = signed_in_user()
    criteria = criteria_from_address(reader)
    return render_template(
        "exports/new.html",
        form=form,
        ticked=ticked,
        criteria=criteria.in_words(),
        rows=service.count_expected(criteria),
        of_files=criteria.source == "files",
        kinds=KINDS,
        counted_at_most=service.MAX_COUNTED,
        classic=CLASSIC,
        extended=EXTENDED,
        profiles=profiles.profiles_of(reader),
        rule=PLATFORM_RULE,
    )


@bp.post("/exports/new/")
@access("signed_in", max_bytes=LIST_BYTES, begins_write=False)
def create() -> BaseResponse | tuple[str, int]:
    form = LayoutForm()
    ticked = [name for name in ALL_COLUMNS if name in request.form.getlist("column")]
    if not form.validate():
        return _asking(form, tuple(ticked)), 422
    try:
        layout = form.layout(ticked)
        reader = signed_in_user()
        criteria = criteria_from_form(reader, form.id_list.data, form.sample.data)
        if form.profile_name.data:
            _save_profile(form.profile_name.data, layout)
        export = ask(signed_in_user(), criteria, layout)
    except WrongInput as exc:
        db.session.rollback()
        form.refuse("format", exc.message)
        return _asking(form, tuple(ticked)), 422
    is_ready = export.state == "ready"
    message = _("The export is ready.") if is_ready else _("The export is asked for.")
    return done(url_for("exports.show", export_id=export.id), message)


def _save_profile(name: str, layout: Layout) -> None:
    begin_write()
    profiles.save(signed_in_user(), name, layout)
    db.session.commit()


@bp.get("/exports/<id:export_id>/")
@access("owner")
def show(export_id: int) -> Response:
    export = service.find(signed_in_user(), export_id)
    run = export.run
    return page_or_part(
        "exports/show.html",
        "exports/_progress.html",
        export=export,
        run=run,
        trouble=service.describe_failure(export),
        criteria=criteria_from(export.criteria).in_words(),
        layout=layout_from(export.layout),
        expected_end=expected_end(run) if run else None,
        is_there=storage.file_of(export) is not None,
        repeat_form=RepeatForm(formdata=None),
        rule=PLATFORM_RULE,
        change_words=CHANGE_WORDS,
    )


@bp.get("/exports/<id:export_id>/file/")
@access("owner")
def file(export_id: int) -> Response:
    begin_write()
    export = service.find(signed_in_user(), export_id)
    path = storage.file_of(export)
    if path is None:
        raise NotFound(_("This file is not here (any more). Ask for the export again."))
    service.record_download(export)
    name, kind, digest = export.file_name, _media_type(export), export.sha256
    db.session.commit()
    answer = send_file(path, mimetype=kind, as_attachment=True, download_name=name, max_age=0)
    add_digest(answer, digest)
    return answer


@bp.post("/exports/<id:export_id>/decide/")
@access("superuser")
def decide(export_id: int) -> BaseResponse:
    by = signed_in_user()
    export = service.find(by, export_id)
    agreed = request.form.get("agreed") == "yes"
    service.record_decision(export, by, agreed=agreed)
    db.session.commit()
    message = _("You agreed: the export is being made.") if agreed else _("You refused the export.")
    return done(url_for("exports.show", export_id=export_id), message)


@bp.post("/exports/<id:export_id>/again/")
@access("owner")
def again(export_id: int) -> BaseResponse:
    export = service.find(signed_in_user(), export_id)
    service.retry(export)
    waits = export.state == "asked"
    db.session.commit()
    message = _("It waits for a superuser.") if waits else _("The export is asked for.")
    return done(url_for("exports.show", export_id=export_id), message)


@bp.post("/exports/<id:export_id>/delete/")
@access("owner")
def delete(export_id: int) -> BaseResponse:
    service.delete_export(service.find(signed_in_user(), export_id))
    db.session.commit()
    return done(url_for("exports.index"), _("The export is deleted."))


@bp.post("/exports/<id:export_id>/repeat/")
@access("owner")
def repeat(export_id: int) -> BaseResponse:
    export = service.find(signed_in_user(), export_id)
    recurring.add_recurring(export, str(request.form.get("every", "")))
    db.session.commit()
    return done(url_for("exports.index"), _("It will be made again and again."))


@bp.post("/exports/repeated/<id:recurring_id>/stop/")
@access("owner")
def stop(recurring_id: int) -> BaseResponse:
    recurring.remove_recurring(recurring.find(signed_in_user(), recurring_id))
    db.session.commit()
    return done(url_for("exports.index"), _("It is made no more. The files made so far stay."))


@bp.post("/exports/profiles/<id:profile_id>/delete/")
@access("owner")
def delete_profile(profile_id: int) -> BaseResponse:
    profiles.remove(profiles.find(signed_in_user(), profile_id))
    db.session.commit()
    return done(url_for("exports.index"), _("The profile is deleted."))


@bp.get("/twitter-user/<string:name>.csv", defaults={"kind": "csv"})
@bp.get("/twitter-user/<string:name>.xlsx", defaults={"kind": "xlsx"})
@access("signed_in")
def of_account(name: str, kind: str) -> BaseResponse:
    """The original's address: a small file at once; a larger one is requested on its own page."""
    account = account_named(name)
    criteria, layout = criteria_of_account(account), Layout(format=kind, packing="none")
    if not is_small(signed_in_user(), criteria, layout):
        return redirect(url_for("exports.new", account=account.id, format=kind))
    made = made_at_once(signed_in_user(), criteria, layout)
    answer = send_file(
        made.file,
        mimetype=layout.kind.media_type,
        as_attachment=True,
        download_name=f"{slug(account.name)}.{kind}",
        max_age=0,
    )
    answer.content_length = made.size_bytes
    add_digest(answer, made.sha256)
    return answer


@bp.get("/data-dictionary/")
@access("public")
def dictionary() -> str:
    return render_template("exports/dictionary.html", classic=CLASSIC, extended=EXTENDED)


def _media_type(export: ExportFile) -> str:
    layout = layout_from(export.layout)
    if export.file_name.endswith(".gz"):
        return "application/gzip"
    return "application/zip" if layout.packing in ("zip", "bag") else layout.kind.media_type
