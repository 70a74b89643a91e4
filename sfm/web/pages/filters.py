"""Stream filters: a user's own, a superuser's all. Adding, trying, watching, filling gaps."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm import clock
from sfm.database import begin_write, db
from sfm.errors import SfmError, WrongInput
from sfm.filters import dry_run, owners, queries, reconcile, rights, service, validation
from sfm.filters.account_lookup import People
from sfm.filters.drafting import FilterDraft
from sfm.filters.preview import Preview, preview
from sfm.filters.remote_checks import check_exact_rules, look_up, search_client
from sfm.filters.validation import BadFilter
from sfm.models import Gap, TwitterFilter
from sfm.runs import queue
from sfm.runs.jobs import FILL_GAP
from sfm.streams import dashboard, gap_fill
from sfm.streams.completeness import of_filter, of_last_days, of_prefix
from sfm.streams.file_names import filter_prefix
from sfm.web.access import access, current_user, signed_in_user
from sfm.web.forms.filters import DeleteFilterForm, FilterForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.filter_requests import choose, filled_with, typed_draft
from sfm.web.translation import translate

bp = Blueprint("filters", __name__)
MAX_GAPS = 50
DAYS_OF_LIST = 7


@bp.get("/filters/")
@access("signed_in")
def index() -> Response:
    return _list()


@bp.get("/admin/filters/")
@access("superuser")
def admin_index() -> Response:
    return _list()


def _list() -> Response:
    twitter_filters = queries.visible_to(signed_in_user())
    ids = [twitter_filter.id for twitter_filter in twitter_filters]
    board_lines = dashboard.lines(only=ids) if ids else []
    lines = {line.twitter_filter.id: line for line in board_lines if line.twitter_filter}
    return page_or_part(
        "filters/index.html",
        "filters/_list.html",
        filters=twitter_filters,
        lines=lines,
        completeness=of_last_days(twitter_filters, DAYS_OF_LIST),
        days=DAYS_OF_LIST,
    )


@bp.route("/filters/new/", methods=["GET", "POST"])
@access("signed_in", begins_write=False)
def new() -> Response | BaseResponse:
    _check_may_manage()
    form = FilterForm()
    choose(form, signed_in_user(), None)
    return _form(form, None)


@bp.route("/filters/<id:filter_id>/edit/", methods=["GET", "POST"])
@access("owner", begins_write=False)
def edit(filter_id: int) -> Response | BaseResponse:
    twitter_filter = _managed(filter_id)
    is_sent = request.method == "POST"
    form = FilterForm() if is_sent else FilterForm(data=filled_with(twitter_filter))
    choose(form, signed_in_user(), twitter_filter)
    return _form(form, twitter_filter)


def _form(form: FilterForm, twitter_filter: TwitterFilter | None) -> Response | BaseResponse:
    """Shown, previewed or saved; Twitter is asked before the database is locked for writing."""
    shown: Preview | None = None
    if form.validate_on_submit():
        draft = typed_draft(form)
        try:
            if request.form.get("do") == "preview":
                shown = preview(draft, twitter_filter)
            else:
                return _save(draft, twitter_filter)
        except BadFilter as exc:
            db.session.rollback()
            form.refuse_all(exc.problems)
    return page_or_part(
        "filters/form.html",
        "filters/_form.html",
        422 if form.errors else 200,
        form=form,
        twitter_filter=_again(twitter_filter),
        preview=shown,
        limits=validation,
        problem_of_user="" if twitter_filter else owners.problem_of_user(signed_in_user()),
    )


def _again(twitter_filter: TwitterFilter | None) -> TwitterFilter | None:
    """The row for showing, after a rollback has let go of it."""
    return _mine(twitter_filter.id) if twitter_filter is not None else None


def _save(draft: FilterDraft, twitter_filter: TwitterFilter | None) -> BaseResponse:
    check_exact_rules(draft)
    people = look_up(validation.parts_of(draft).names, twitter_filter, draft)
    begin_write()
    signed_in_user()
    existing = _mine(twitter_filter.id) if twitter_filter is not None else None
    saved = service.save(draft, people, existing)
    db.session.commit()
    filter_id = saved.id
    _warn(people)
    return _applied(filter_id)


def _warn(people: People) -> None:
    if people.warning:
        flash(people.warning, "warning")


def _applied(filter_id: int, message: str = reconcile.SAVED) -> BaseResponse:
    """After the commit: have the processes follow, and say what came of it."""
    outcome = reconcile.outcome(reconcile.apply(), message)
    here = url_for("filters.show", filter_id=filter_id)
    return done(here, outcome.message, "warning" if outcome.waits else "success")


@bp.get("/filters/<id:filter_id>/")
@access("owner")
def show(filter_id: int) -> str:
    twitter_filter = _mine(filter_id)
    record = of_prefix(filter_prefix(filter_id))
    gaps = list(reversed(record.gaps))[:MAX_GAPS]
    return render_template(
        "filters/show.html",
        twitter_filter=twitter_filter,
        line=_line(filter_id),
        stream=filter_prefix(filter_id),
        credential=owners.credential_of(twitter_filter),
        problem_of_connection=owners.problem_of(twitter_filter),
        rules=_rules(twitter_filter),
        gaps=gaps,
        completeness=of_filter(twitter_filter, record),
        gap_count=len(record.gaps),
        prospects=gap_fill.fill_estimates(gaps),
        trial_price=dry_run.price(_search(twitter_filter).queries),
        too_long=_search(twitter_filter).too_long,
    )


@bp.get("/filters/<id:filter_id>/now/")
@access("owner")
def collection(filter_id: int) -> Response:
    twitter_filter = _mine(filter_id)
    return page_or_part(
        "filters/collection.html",
        "filters/_collection.html",
        twitter_filter=twitter_filter,
        line=_line(filter_id),
    )


@bp.post("/filters/<id:filter_id>/try/")
@access("owner", begins_write=False)
def try_out(filter_id: int) -> Response:
    twitter_filter = _managed(filter_id)
    result, problem = None, ""
    try:
        result = dry_run.try_out(_search(twitter_filter).queries, search_client(twitter_filter))
    except SfmError as exc:
        problem = exc.message
    db.session.rollback()
    return page_or_part(
        "filters/trial.html",
        "filters/_trial.html",
        twitter_filter=_mine(filter_id),
        trial=result,
        problem=problem,
        trial_price=dry_run.price(_search(_mine(filter_id)).queries),
        too_long=_search(_mine(filter_id)).too_long,
    )


@bp.post("/filters/<id:filter_id>/activate/")
@access("owner")
def activate(filter_id: int) -> BaseResponse:
    twitter_filter = _managed(filter_id)
    message = _("Activated: %(name)s.", name=twitter_filter.name)
    try:
        service.activate(twitter_filter)
        db.session.commit()
    except BadFilter as exc:
        db.session.rollback()
        return done(url_for("filters.edit", filter_id=filter_id), exc.message, "error")
    return _applied(filter_id, message)


@bp.post("/filters/<id:filter_id>/deactivate/")
@access("owner")
def deactivate(filter_id: int) -> BaseResponse:
    twitter_filter = _managed(filter_id)
    message = _("Deactivated: %(name)s.", name=twitter_filter.name)
    service.deactivate(twitter_filter)
    db.session.commit()
    return _applied(filter_id, message)


@bp.route("/filters/<id:filter_id>/delete/", methods=["GET", "POST"])
@access("owner")
def delete(filter_id: int) -> tuple[str, int] | BaseResponse:
    twitter_filter = _managed(filter_id)
    form = DeleteFilterForm()
    if form.validate_on_submit():
        if " ".join((form.typed_name.data or "").split()) == twitter_filter.name:
            name = twitter_filter.name
            service.delete(twitter_filter)
            db.session.commit()
            reconcile.apply()
            return done(url_for("filters.index"), _("The filter %(name)s is deleted.", name=name))
        form.refuse("typed_name", _("This is not the name of the filter."))
    page = render_template("filters/delete.html", form=form, twitter_filter=twitter_filter)
    return page, 422 if form.errors else 200


@bp.post("/filters/<id:filter_id>/gaps/fill/")
@access("owner")
def fill_time(filter_id: int) -> BaseResponse:
    """A gap that has no row yet, by its times."""
    twitter_filter = _managed(filter_id)
    try:
        times = [clock.parse_iso(request.form.get(name, "")) for name in ("began", "ended")]
    except ValueError:
        raise WrongInput(_("Say from when to when the gap is, as its page does.")) from None
    return _fill(filter_id, gap_fill.note_gap(twitter_filter, *times))


@bp.post("/filters/<id:filter_id>/gaps/<id:gap_id>/fill/")
@access("owner")
def fill_gap(filter_id: int, gap_id: int) -> BaseResponse:
    return _fill(filter_id, gap_fill.gap_of(_managed(filter_id), gap_id))


def _fill(filter_id: int, gap: Gap) -> BaseResponse:
    run = queue.enqueue(FILL_GAP, params={"gap": gap.id}, requested_by_id=signed_in_user().id)
    if run is not None:
        gap_fill.request_fill(gap, run.id)
    db.session.commit()
    here = url_for("filters.show", filter_id=filter_id)
    return done(here, _("Asked for. The posts come as soon as search has them."))


def _managed(filter_id: int) -> TwitterFilter:
    """The filter, for somebody who may change it; 403 for an owner who may only see it."""
    twitter_filter = _mine(filter_id)
    _check_may_manage()
    return twitter_filter


def _check_may_manage() -> None:
    if not rights.may_manage(signed_in_user()):
        abort(403, description=translate(rights.NOT_ALLOWED))


@bp.context_processor
def _rights() -> dict[str, bool]:
    reader = current_user()
    return {"may_manage": reader is not None and rights.may_manage(reader)}


def _mine(filter_id: int) -> TwitterFilter:
    return service.by_id(filter_id, signed_in_user())


def _line(filter_id: int) -> dashboard.BoardLine | None:
    return next(iter(dashboard.lines(only=[filter_id])), None)


def _rules(twitter_filter: TwitterFilter) -> tuple[str, ...]:
    try:
        return tuple(rule.value for rule in validation.stream_rules(twitter_filter))
    except SfmError:
        return ()


def _search(twitter_filter: TwitterFilter) -> validation.SearchPlan:
    try:
        return validation.search_plan(twitter_filter)
    except SfmError:
        return validation.SearchPlan((), ())
