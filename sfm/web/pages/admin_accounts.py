"""Managing collected accounts: the table with bulk actions, adding one, editing, deleting."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import lifecycle, queries, service, sets
from sfm.database import begin_write, db
from sfm.errors import SfmError, WrongInput
from sfm.models import TwitterUser
from sfm.posts.delete import remove_account
from sfm.runs.queue import enqueue
from sfm.users.clients import default_client
from sfm.web.access import access, signed_in_user
from sfm.web.forms.accounts import AccountNotesForm, AddAccountForm, ListForm
from sfm.web.forms.sets import DeleteForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.account_lists import AccountFilter, accounts_table
from sfm.web.redirects import safe_next
from sfm.web.request_limits import possible_id
from sfm.web.translation import translate

bp = Blueprint("admin_accounts", __name__, url_prefix="/admin/twitter-users")

MAX_ACCOUNTS = 200


@bp.get("/")
@access("superuser")
def index() -> Response:
    account_filter = AccountFilter.from_args(request.args)
    return page_or_part(
        "admin_accounts/index.html",
        "admin_accounts/_table.html",
        slice=accounts_table(account_filter, request.args.get("at")),
        account_filter=account_filter,
        sets=sets.visible_to(signed_in_user()),
        here=request.full_path.rstrip("?"),
    )


@bp.post("/bulk/")
@access("superuser", begins_write=False)
def bulk() -> BaseResponse:
    account_ids = request.form.getlist("account", type=possible_id)[:MAX_ACCOUNTS]
    back = safe_next(request.form.get("back"), url_for("admin_accounts.index"))
    if not account_ids:
        return done(back, _("Tick the accounts first."), "warning")
    action = request.form.get("action", "")
    if action == "deactivate":
        begin_write()
        switched = service.deactivate_many(account_ids)
        message = _deactivated(switched.changed)
    elif action == "activate":
        switched = service.activate_many(default_client(), account_ids)
        message = _activated(switched.changed)
        _flash_refusals(switched.refused)
    elif action == "add-to-set":
        message = _put_into_set(account_ids, request.form.get("set", 0, type=possible_id))
    else:
        raise WrongInput(_("Choose what to do with the ticked accounts."))
    db.session.commit()
    return done(back, message)


def _deactivated(count: int) -> str:
    return ngettext("%(num)s account deactivated.", "%(num)s accounts deactivated.", count)


def _activated(count: int) -> str:
    return ngettext("%(num)s account activated.", "%(num)s accounts activated.", count)


def _put_into_set(account_ids: Sequence[int], set_id: int) -> str:
    begin_write()
    account_set = sets.find(signed_in_user(), set_id)
    added = sets.add_members(account_set, account_ids)
    return ngettext(
        "%(num)s account is new in %(name)s.", "%(num)s accounts are new in %(name)s.", added,
        name=account_set.name,
    )  # fmt: skip


def _flash_refusals(refused: Sequence[str]) -> None:
    for message in refused[:10]:
        flash(translate(message), "warning")
    if len(refused) > 10:
        flash(_("%(n)s more could not be activated.", n=len(refused) - 10), "warning")


@bp.route("/add/", methods=["GET", "POST"])
@access("superuser", begins_write=False)
def add() -> Response | BaseResponse:
    form = AddAccountForm()
    is_protected = False
    if form.validate_on_submit():
        try:
            account = _add(form)
            return done(url_for("accounts.show", name=account.name), _added(account))
        except SfmError as exc:
            db.session.rollback()
            is_protected = isinstance(exc, service.ProtectedAccount)
            form.refuse("name", exc.message)
    status = 422 if form.errors else 200
    return page_or_part(
        "admin_accounts/add.html",
        "admin_accounts/_add_form.html",
        status,
        form=form,
        is_protected=is_protected,
        list_form=ListForm(formdata=None),
    )


def _add(form: AddAccountForm) -> TwitterUser:
    """Add the account and have its timeline collected. Commits."""
    user_id = signed_in_user().id
    account = service.add_by_name(
        default_client(),
        form.name.data,
        added_by_id=user_id,
        with_protected=bool(form.with_protected.data),
    )
    enqueue("user_timeline", params={"twitter_user_ids": [account.id]}, requested_by_id=user_id)
    db.session.commit()
    return account


def _added(account: TwitterUser) -> str:
    if account.state == lifecycle.PROTECTED:
        return _(
            "%(name)s is added. It is protected: its posts come in only where the credential in "
            "use is an accepted follower's.",
            name=account.name,
        )
    return _("%(name)s is added. Its posts come in shortly.", name=account.name)


@bp.route("/<id:account_id>/", methods=["GET", "POST"])
@access("superuser")
def edit(account_id: int) -> Response | BaseResponse:
    account = service.by_id(account_id)
    form = AccountNotesForm(obj=account)
    if form.validate_on_submit():
        account.notes = form.notes.data or ""
        db.session.commit()
        return done(url_for("accounts.show", name=account.name), _("The notes are saved."))
    status = 422 if form.errors else 200
    account_sets = queries.sets_with(signed_in_user(), account_id)
    return page_or_part(
        "admin_accounts/edit.html", "admin_accounts/_edit_form.html", status,
        form=form, account=account, sets=account_sets,
    )  # fmt: skip


@bp.post("/confirm-gone/")
@access("superuser")
def confirm_gone() -> BaseResponse:
    confirmed = lifecycle.confirm_gone()
    db.session.commit()
    message = ngettext(
        "%(num)s account is entered as gone from Twitter.",
        "%(num)s accounts are entered as gone from Twitter.",
        confirmed,
    )
    return done(url_for("admin_accounts.index", state="not_found"), message)


@bp.post("/<id:account_id>/activate/")
@access("superuser", begins_write=False)
def activate(account_id: int) -> BaseResponse:
    account = service.activate_again(default_client(), account_id)
    db.session.commit()
    message = _("%(name)s is active.", name=account.name)
    return done(url_for("accounts.show", name=account.name), message)


@bp.post("/<id:account_id>/deactivate/")
@access("superuser")
def deactivate(account_id: int) -> BaseResponse:
    account = service.by_id(account_id)
    service.deactivate(account)
    db.session.commit()
    message = _("%(name)s is no longer asked for new posts. What is kept stays.", name=account.name)
    return done(url_for("accounts.show", name=account.name), message)


@bp.post("/<id:account_id>/collect/")
@access("superuser")
def collect(account_id: int) -> BaseResponse:
    account = service.by_id(account_id)
    params = {"twitter_user_ids": [account.id]}
    run = enqueue("user_timeline", params=params, requested_by_id=signed_in_user().id)
    db.session.commit()
    message = _("A timeline run for %(name)s is waiting for its turn.", name=account.name)
    if run is not None and run.not_before is not None:
        message = _(
            "A timeline run for %(name)s is waiting until Twitter lets us ask.", name=account.name
        )
    return done(url_for("accounts.show", name=account.name), message)


@bp.route("/<id:account_id>/delete/", methods=["GET", "POST"])
@access("superuser")
def delete(account_id: int) -> tuple[str, int] | BaseResponse:
    account = service.by_id(account_id)
    form = DeleteForm()
    if form.validate_on_submit():
        if form.says(account.name):
            name = account.name
            post_count = remove_account(account)
            db.session.commit()
            message = ngettext(
                "%(name)s and its %(num)s post are deleted.",
                "%(name)s and its %(num)s posts are deleted.",
                post_count,
                name=name,
            )
            return done(url_for("admin_accounts.index"), message)
        form.refuse("typed_name", _("This is not the name of the account."))
    page = render_template("admin_accounts/delete.html", form=form, account=account)
    return page, 422 if form.errors else 200
