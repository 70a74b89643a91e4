"""Who acts in a request, for the audit log; and the log's own page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Select, or_, select
from wtforms import StringField

from sfm import audit
from sfm.models import AuditEntry, User
from sfm.web.access import access, current_account
from sfm.web.forms import Form
from sfm.web.htmx import page_or_part
from sfm.web.pagination import Order, slice_of

bp = Blueprint("audit", __name__)

PAGE = 50
NEWEST = Order("at", (AuditEntry.at, AuditEntry.id), (datetime, int), descending=True)


class SearchForm(Form):
    """What the log is searched by."""

    who = StringField()
    what = StringField()


def here() -> str:
    """The address that the request comes from."""
    return request.remote_addr or ""


@bp.before_app_request
def _name_actor() -> None:
    account = current_account() if request.endpoint != "static" else None
    if account is not None:
        audit.name_actor(audit.Actor(account.id, account.username, here()))
    else:
        audit.name_actor(audit.Actor(None, "somebody", here()))


@bp.teardown_app_request
def _forget_actor(_error: BaseException | None) -> None:
    audit.name_actor(audit.SYSTEM)


@bp.get("/admin/audit/")
@access("superuser")
def index() -> Response:
    form = SearchForm(request.args)
    found = slice_of(_wanted(form), NEWEST, request.args.get("at"), PAGE)
    return page_or_part("audit/index.html", "audit/_table.html", form=form, found=found)


def _wanted(form: SearchForm) -> Select[Any]:
    query = select(AuditEntry)
    who, what = (form.who.data or "").strip(), (form.what.data or "").strip()
    if who:
        query = query.where(
            or_(
                AuditEntry.actor.icontains(who, autoescape=True),
                AuditEntry.subject.icontains(who, autoescape=True),
            )
        )
    if what:
        query = query.where(AuditEntry.action.icontains(what, autoescape=True))
    return query


def trail_of(user: User) -> Select[Any]:
    """What was done to or by one person."""
    about = (AuditEntry.subject_kind == "user") & (AuditEntry.subject_id == str(user.id))
    return select(AuditEntry).where(or_(about, AuditEntry.actor_id == user.id))
