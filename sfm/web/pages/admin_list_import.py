"""Adding many accounts: paste or upload, look up, see what each line would become, save."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import list_drafts, list_import, sets
from sfm.accounts.list_drafts import Draft
from sfm.database import begin_write, db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.users.clients import default_client
from sfm.web.access import access, signed_in_account
from sfm.web.forms.accounts import AddOneForm, ListForm, SaveListForm
from sfm.web.htmx import done, page_or_part
from sfm.web.pages.list_lines import lines_page

bp = Blueprint("admin_lists", __name__, url_prefix="/admin/twitter-users/list")

UPLOAD_BYTES = 5 * 1024 * 1024


@bp.post("/")
@access("superuser", max_bytes=UPLOAD_BYTES, begins_write=False)
def begin() -> Response | BaseResponse:
    form = ListForm()
    text = form.text()
    try:
        token = list_drafts.begin(signed_in_account().id, text)
        if list_drafts.find(signed_in_account().id, token).lines:
            return redirect(url_for("admin_lists.show", token=token), 303)
        form.refuse("names", _("Paste at least one name, or choose a text file."))
    except WrongInput as exc:
        form.refuse("names", exc.message)
    form.names.data = text[:UPLOAD_BYTES]
    return page_or_part(
        "admin/add.html", "admin/_list_form.html", 422,
        form=AddOneForm(formdata=None), list_form=form,
    )  # fmt: skip


@bp.get("/<string:token>/")
@access("superuser")
def show(token: str) -> Response:
    draft = list_drafts.find(signed_in_account().id, token)
    return _page(token, draft, _fresh_form(draft))


@bp.post("/<string:token>/look-up/")
@access("superuser", begins_write=False)
def look_up(token: str) -> Response:
    """The next names; the fragment asks for more by itself, a plain page has a button."""
    draft = list_drafts.find(signed_in_account().id, token)
    problem = ""
    if not draft.is_looked_up:
        try:
            list_drafts.look_up_some(default_client(), draft)
        except SfmError as exc:
            problem = exc.message
        list_drafts.keep(token, draft)
    return _page(token, draft, _fresh_form(draft), problem)


@bp.post("/<string:token>/save/")
@access("superuser", begins_write=False)
def save(token: str) -> Response | BaseResponse:
    draft = list_drafts.find(signed_in_account().id, token)
    form = _with_sets(SaveListForm())
    if draft.saved == 0:
        problem = _choose(draft, form)
        if problem:
            form.refuse("new_set", problem)
            return _page(token, draft, form)
    problem = _save_some(draft)
    if draft.saved < len(draft.lines):
        list_drafts.keep(token, draft)
        return _page(token, draft, form, problem)
    list_drafts.give_up(token)
    return done(_after(draft), _words(draft))


@bp.post("/<string:token>/give-up/")
@access("superuser")
def give_up(token: str) -> BaseResponse:
    list_drafts.find(signed_in_account().id, token)
    list_drafts.give_up(token)
    return done(
        url_for("admin_accounts.add"), _("The list is given up; nothing was saved."), "info"
    )


def _page(token: str, draft: Draft, form: SaveListForm, problem: str = "") -> Response:
    return page_or_part(
        "admin/list.html", "admin/_list.html", 422 if form.errors else 200,
        token=token, draft=draft, form=form, problem=problem,
        total=len(draft.to_look_up), lines=lines_page(token, draft, request.args),
        adding=sum(n for verdict, n in draft.counts.items() if verdict in list_import.TO_ADD),
    )  # fmt: skip


def _fresh_form(draft: Draft) -> SaveListForm:
    """Not what was sent: the button that looks names up sends none of its fields."""
    return _with_sets(SaveListForm(None, set_id=draft.set_id or 0, active=draft.active))


def _with_sets(form: SaveListForm) -> SaveListForm:
    mine = sets.visible_to(signed_in_account())
    form.set_id.choices = [(0, _("no set")), *((one.id, one.name) for one in mine)]
    return form


def _choose(draft: Draft, form: SaveListForm) -> str:
    """Take over set and state into the draft; a new set is made at once. A sentence if not."""
    if not draft.is_looked_up:
        return _("Look the names up first.")
    if not form.validate():
        return _("Choose one of the sets, or type the name of a new one.")
    draft.active = bool(form.active.data)
    draft.set_id = form.set_id.data or None
    if (form.new_set.data or "").strip():
        begin_write()
        try:
            draft.set_id = sets.create(signed_in_account(), form.new_set.data).id
            db.session.commit()
        except WrongInput as exc:
            db.session.rollback()
            return exc.message
    return ""


def _save_some(draft: Draft) -> str:
    """Save the next pieces; a sentence where their set was deleted meanwhile."""
    account_id = signed_in_account().id
    for piece in list_drafts.save_some(draft):
        begin_write()
        try:
            into = sets.find(signed_in_account(), draft.set_id) if draft.set_id else None
        except NotFound:
            db.session.rollback()
            draft.set_id = None
            return _(
                "The set was deleted meanwhile. What is not saved yet will be saved without a set."
            )
        outcome = list_import.carry_out(
            piece, into=into, active=draft.active, added_by_id=account_id
        )
        db.session.commit()
        list_drafts.count(draft, outcome)
    return ""


def _after(draft: Draft) -> str:
    if draft.set_id:
        return url_for("sets.show", set_id=draft.set_id)
    return url_for("admin_accounts.index", sort="-added")


def _words(draft: Draft) -> str:
    said = ngettext("%(num)s account added.", "%(num)s accounts added.", draft.added)
    if draft.set_id:
        said += " " + ngettext(
            "%(num)s put into the set.", "%(num)s put into the set.", draft.put_into_set
        )
    return said
