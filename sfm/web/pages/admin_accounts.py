"""Managing collected accounts: the table with bulk actions, adding one, editing, deleting."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm import audit
from sfm.accounts import lifecycle, queries, service, sets
from sfm.database import begin_write, db
from sfm.errors import SfmError, WrongInput
from sfm.posts.delete import remove_account
from sfm.runs.queue import enqueue
from sfm.users.clients import default_client
from sfm.web.access import access, signed_in_account
from sfm.web.forms.accounts import AddOneForm, EditForm, ListForm
from sfm.web.forms.sets import DeleteForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.account_lists import AccountFilter, accounts_table
from sfm.web.redirects import safe_next
from sfm.web.request_limits import possible_id
from sfm.web.translation import told

bp = Blueprint("admin_accounts", __name__, url_prefix="/admin/twitter-users")

MOST_AT_ONCE = 200


@bp.get("/")
@access("superuser")
def index() -> Response:
    wanted = AccountFilter.from_args(request.args)
    return page_or_part(
        "admin_accounts/index.html",
        "admin_accounts/_table.html",
        slice=accounts_table(wanted, request.args.get("at")),
        wanted=wanted,
        sets=sets.visible_to(signed_in_account()),
        here=request.full_path.rstrip("?"),
    )


@bp.post("/bulk/")
@access("superuser", begins_write=False)
def bulk() -> BaseResponse:
    ids = request.form.getlist("user", type=possible_id)[:MOST_AT_ONCE]
    back = safe_next(request.form.get("back"), url_for("admin_accounts.index"))
    if not ids:
        return done(back, _("Tick the accounts first."), "warning")
    action = request.form.get("action", "")
    if action == "deactivate":
        begin_write()
        switched = service.deactivate_many(ids)
        said = ngettext(
            "%(num)s account deactivated.", "%(num)s accounts deactivated.", switched.changed
        )
    elif action == "activate":
        switched = service.activate_many(default_client(), ids)
        said = ngettext(
            "%(num)s account activated.", "%(num)s accounts activated.", switched.changed
        )
        _tell(switched.refused)
    elif action == "add-to-set":
        said = _put_into_set(ids, request.form.get("set", 0, type=possible_id))
    else:
        raise WrongInput(_("Choose what to do with the ticked accounts."))
    db.session.commit()
    return done(back, said)


def _put_into_set(ids: Sequence[int], set_id: int) -> str:
    begin_write()
    found = sets.find(signed_in_account(), set_id)
    added = sets.add_members(found, ids)
    return ngettext(
        "%(num)s account is new in %(name)s.", "%(num)s accounts are new in %(name)s.", added,
        name=found.name,
    )  # fmt: skip


def _tell(refused: Sequence[str]) -> None:
    for message in refused[:10]:
        flash(told(message), "warning")
    if len(refused) > 10:
        flash(_("%(n)s more could not be activated.", n=len(refused) - 10), "warning")


@bp.route("/add/", methods=["GET", "POST"])
@access("superuser", begins_write=False)
def add() -> Response | BaseResponse:
    form = AddOneForm()
    if form.validate_on_submit():
        try:
            account_id = signed_in_account().id
            user = service.add_by_name(default_client(), form.name.data, added_by_id=account_id)
            enqueue(
                "user_timeline", params={"twitter_user_ids": [user.id]}, requested_by_id=account_id
            )
            db.session.commit()
            said = _("%(name)s is added. Its tweets come in shortly.", name=user.name)
            return done(url_for("accounts.show", name=user.name), said)
        except SfmError as exc:
            db.session.rollback()
            form.refuse("name", exc.message)
    status = 422 if form.errors else 200
    return page_or_part(
        "admin_accounts/add.html",
        "admin_accounts/_add_form.html",
        status,
        form=form,
        list_form=ListForm(formdata=None),
    )


@bp.route("/<id:user_id>/", methods=["GET", "POST"])
@access("superuser")
def edit(user_id: int) -> Response | BaseResponse:
    user = service.by_id(user_id)
    form = EditForm(obj=user)
    if form.validate_on_submit():
        user.notes = form.notes.data or ""
        db.session.commit()
        return done(url_for("accounts.show", name=user.name), _("The notes are saved."))
    status = 422 if form.errors else 200
    mine = queries.sets_with(signed_in_account(), user_id)
    return page_or_part(
        "admin_accounts/edit.html", "admin_accounts/_edit_form.html", status,
        form=form, user=user, sets=mine,
    )  # fmt: skip


@bp.post("/confirm-gone/")
@access("superuser")
def confirm_gone() -> BaseResponse:
    confirmed = lifecycle.confirm_gone()
    audit.record(
        "twitter_user.gone_confirmed", kind="twitter_user", subject=f"{confirmed} accounts"
    )
    db.session.commit()
    said = ngettext(
        "%(num)s account is entered as gone from Twitter.",
        "%(num)s accounts are entered as gone from Twitter.",
        confirmed,
    )
    return done(url_for("admin_accounts.index", state="not_found"), said)


@bp.post("/<id:user_id>/activate/")
@access("superuser", begins_write=False)
def activate(user_id: int) -> BaseResponse:
    user = service.activate_again(default_client(), user_id)
    db.session.commit()
    return done(url_for("accounts.show", name=user.name), _("%(name)s is active.", name=user.name))


@bp.post("/<id:user_id>/deactivate/")
@access("superuser")
def deactivate(user_id: int) -> BaseResponse:
    user = service.by_id(user_id)
    service.deactivate(user)
    db.session.commit()
    said = _("%(name)s is no longer asked for new tweets. What is held stays.", name=user.name)
    return done(url_for("accounts.show", name=user.name), said)


@bp.post("/<id:user_id>/collect/")
@access("superuser")
def collect(user_id: int) -> BaseResponse:
    user = service.by_id(user_id)
    params = {"twitter_user_ids": [user.id]}
    run = enqueue("user_timeline", params=params, requested_by_id=signed_in_account().id)
    db.session.commit()
    said = _("A timeline job for %(name)s is waiting for its turn.", name=user.name)
    if run is not None and run.not_before is not None:
        said = _(
            "A timeline job for %(name)s is waiting until Twitter lets us ask.", name=user.name
        )
    return done(url_for("accounts.show", name=user.name), said)


@bp.route("/<id:user_id>/delete/", methods=["GET", "POST"])
@access("superuser")
def delete(user_id: int) -> tuple[str, int] | BaseResponse:
    user = service.by_id(user_id)
    form = DeleteForm()
    if form.validate_on_submit():
        if form.says(user.name):
            name = user.name
            gone = remove_account(user)
            db.session.commit()
            said = ngettext(
                "%(name)s and its %(num)s tweet are deleted.",
                "%(name)s and its %(num)s tweets are deleted.",
                gone,
                name=name,
            )
            return done(url_for("admin_accounts.index"), said)
        form.refuse("typed_name", _("This is not the name of the account."))
    page = render_template("admin_accounts/delete.html", form=form, user=user)
    return page, 422 if form.errors else 200
