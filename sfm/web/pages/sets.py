"""Sets of accounts: a user's own, a superuser's all. Reading, editing, members."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import completeness, sets
from sfm.accounts.completeness_records import records
from sfm.database import db
from sfm.errors import WrongInput
from sfm.models import TwitterUserSet
from sfm.posts import queries
from sfm.posts.selection import Selection
from sfm.web.access import access, signed_in_user
from sfm.web.charts import Sparkline, bar_chart, every_day, sparkline
from sfm.web.forms.sets import DeleteForm, MembersForm, SetForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.account_lists import members_of, sets_of
from sfm.web.request_limits import possible_id

bp = Blueprint("sets", __name__)

CHART_DAYS = 31
LATEST = 10
SPARK_WIDTH, SPARK_HEIGHT = 120, 24


@bp.get("/sets/")
@access("signed_in")
def index() -> Response:
    page = sets_of(signed_in_user(), request.args.get("q", ""), request.args.get("at"))
    sizes = sets.sizes([account_set.id for account_set in page.rows])
    return page_or_part(
        "sets/index.html", "sets/_list.html", slice=page, sizes=sizes, q=request.args.get("q", "")
    )


@bp.route("/sets/new/", methods=["GET", "POST"])
@access("signed_in")
def new() -> Response | BaseResponse:
    form = SetForm()
    if form.validate_on_submit():
        try:
            made = sets.create(signed_in_user(), form.name.data, form.notes.data or "")
            db.session.commit()
            return done(url_for("sets.show", set_id=made.id), _("The set is made."))
        except WrongInput as exc:
            form.refuse("name", exc.message)
    status = 422 if form.errors else 200
    return page_or_part("sets/new.html", "sets/_form.html", status, form=form, account_set=None)


@bp.get("/sets/<id:set_id>/")
@access("owner")
def show(set_id: int) -> Response:
    account_set = sets.find(signed_in_user(), set_id)
    last = queries.today_utc()
    counts = queries.day_counts(last, CHART_DAYS, set_id=set_id)
    members = members_of(set_id, request.args.get("at"))
    return page_or_part(
        "sets/show.html",
        "sets/_members.html",
        account_set=account_set,
        figures=sets.member_figures(set_id),
        slice=members,
        completeness=_completeness([account.id for account in members.rows]),
        sparks=_sparks([account.id for account in members.rows], last),
        chart=bar_chart(every_day(counts, last, CHART_DAYS)),
        latest=queries.latest(LATEST, Selection(set_id=set_id)),
        members_form=MembersForm(formdata=None),
        unknown=(),
    )


def _completeness(account_ids: list[int]) -> dict[int, tuple[str, str]]:
    """Of each of these accounts how complete it is: in a few words, and whole."""
    known = records(db.session.connection(), account_ids)
    return {
        account_id: (completeness.summarize(record), completeness.describe(record))
        for account_id, record in known.items()
    }


def _sparks(account_ids: list[int], last: date) -> dict[int, Sparkline]:
    """A small line for each of these accounts; none where nothing came in these days."""
    counts = queries.day_counts_of_each(account_ids, last, CHART_DAYS)
    return {
        account_id: sparkline(every_day(days, last, CHART_DAYS), SPARK_WIDTH, SPARK_HEIGHT)
        for account_id, days in counts.items()
    }


@bp.get("/sets/<id:set_id>/members.txt")
@access("owner")
def members_as_text(set_id: int) -> Response:
    account_set = sets.find(signed_in_user(), set_id)
    lines = "".join(f"{name}\n" for name in sets.member_names(set_id))
    headers = {"Content-Disposition": f"attachment; filename=set-{account_set.id}-members.txt"}
    return Response(lines, mimetype="text/plain", headers=headers)


@bp.route("/sets/<id:set_id>/edit/", methods=["GET", "POST"])
@access("owner")
def edit(set_id: int) -> Response | BaseResponse:
    account_set = sets.find(signed_in_user(), set_id)
    form = SetForm(obj=account_set)
    if form.validate_on_submit():
        try:
            sets.change(account_set, name=form.name.data, notes=form.notes.data or "")
            db.session.commit()
            return done(url_for("sets.show", set_id=set_id), _("The set is saved."))
        except WrongInput as exc:
            db.session.rollback()
            account_set = sets.find(signed_in_user(), set_id)
            form.refuse("name", exc.message)
    status = 422 if form.errors else 200
    return page_or_part(
        "sets/edit.html", "sets/_form.html", status, form=form, account_set=account_set
    )


@bp.post("/sets/<id:set_id>/members/add/")
@access("owner")
def add_members(set_id: int) -> Response | BaseResponse:
    account_set = sets.find(signed_in_user(), set_id)
    form = MembersForm()
    named = sets.match_names(form.names.data or "")
    if not form.validate() or not named.ids:
        if not form.errors:
            form.refuse("names", _("None of these names is an account that is collected here."))
        return _members_page(account_set, form, named.unknown, 422)
    added = sets.add_members(account_set, named.ids)
    db.session.commit()
    message = ngettext("%(num)s account put in.", "%(num)s accounts put in.", added)
    if named.unknown:
        form.names.data = "\n".join(named.unknown)
        form.refuse("names", message + " " + _("The others are not collected here."))
        return _members_page(account_set, form, named.unknown, 422)
    return done(url_for("sets.show", set_id=set_id), message)


@bp.post("/sets/<id:set_id>/members/remove/")
@access("owner")
def remove_members(set_id: int) -> BaseResponse:
    account_set = sets.find(signed_in_user(), set_id)
    removed = sets.remove_members(account_set, request.form.getlist("account", type=possible_id))
    db.session.commit()
    message = ngettext("%(num)s account taken out.", "%(num)s accounts taken out.", removed)
    return done(url_for("sets.show", set_id=set_id), message, "success" if removed else "info")


@bp.route("/sets/<id:set_id>/delete/", methods=["GET", "POST"])
@access("owner")
def delete(set_id: int) -> tuple[str, int] | BaseResponse:
    account_set = sets.find(signed_in_user(), set_id)
    form = DeleteForm()
    if form.validate_on_submit():
        if form.says(account_set.name):
            name = account_set.name
            sets.remove(account_set)
            db.session.commit()
            return done(url_for("sets.index"), _("The set %(name)s is deleted.", name=name))
        form.refuse("typed_name", _("This is not the name of the set."))
    figures = sets.member_figures(set_id)
    page = render_template("sets/delete.html", form=form, account_set=account_set, figures=figures)
    return page, 422 if form.errors else 200


def _members_page(
    account_set: TwitterUserSet, form: MembersForm, unknown: tuple[str, ...], status: int
) -> Response:
    return page_or_part(
        "sets/members.html", "sets/_add_members.html", status,
        account_set=account_set, members_form=form, unknown=unknown,
    )  # fmt: skip
