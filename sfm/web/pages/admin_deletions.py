"""Deleting what was collected: posts from everything kept, and what is known of links.

The tables of the administration and a post's own page lead here with what was ticked in the
address; this page says what goes, and only its form does it.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.errors import NotFound
from sfm.links import actions
from sfm.models import Link
from sfm.posts import queries
from sfm.runs import actions as run_actions
from sfm.takedown import run as takedown
from sfm.takedown.removal import MAX_IDS
from sfm.web.access import access, signed_in_user
from sfm.web.forms.deletions import TakedownForm
from sfm.web.htmx import done, page_or_part
from sfm.web.request_limits import possible_id

bp = Blueprint("admin_deletions", __name__, url_prefix="/admin")


@bp.route("/twitter-user-items/delete/", methods=["GET", "POST"])
@access("superuser")
def posts() -> Response | BaseResponse:
    twitter_ids = ids_in_request("tweet")
    if not twitter_ids:
        return done(url_for("admin.posts"), _("Tick the posts first."), "warning")
    cards = queries.cards(twitter_ids)
    if not cards:
        raise NotFound(_("None of these posts is kept here. They may be deleted already."))
    form = TakedownForm()
    if form.validate_on_submit():
        return _request_removal(form, [card.twitter_id for card in cards])
    status = 422 if form.errors else 200
    return page_or_part(
        "admin_deletions/posts.html", "admin_deletions/_posts.html", status, form=form, posts=cards
    )


def _request_removal(form: TakedownForm, kept_ids: list[int]) -> BaseResponse:
    run = takedown.request_removal(
        kept_ids, form.reason.data or "", signed_in_user(), may_return=form.may_return.data
    )
    db.session.commit()
    message = ngettext(
        "%(num)s post is being deleted everywhere.",
        "%(num)s posts are being deleted everywhere.",
        len(kept_ids),
    )
    return done(url_for("runs.show", run_id=run.id), message)


@bp.get("/twitter-user-item-urls/change/")
@access("superuser")
def links() -> Response | BaseResponse:
    selected = actions.links_of_ids(ids_in_request("link"))
    if not selected:
        return done(url_for("admin.links"), _("Tick the links first."), "warning")
    return page_or_part(
        "admin_deletions/links.html", "admin_deletions/links.html",
        links=selected, post_count=actions.posts_with(selected),
        deletes=request.args.get("do") != "follow",
    )  # fmt: skip


@bp.post("/twitter-user-item-urls/delete/")
@access("superuser")
def delete_links() -> BaseResponse:
    deleted = actions.forget(_links_or_none())
    db.session.commit()
    message = ngettext("%(num)s link is deleted.", "%(num)s links are deleted.", deleted)
    return done(url_for("admin.links"), message)


@bp.post("/twitter-user-item-urls/follow/")
@access("superuser")
def follow_links() -> BaseResponse:
    run = actions.follow_again(_links_or_none(), signed_in_user())
    if run is None:
        raise NotFound(_("No post that is kept here holds these links any more."))
    db.session.commit()
    return done(url_for("runs.show", run_id=run.id), _("The links will be followed in a moment."))


def _links_or_none() -> list[Link]:
    links = actions.links_of_ids(ids_in_request("link"))
    if not links:
        raise NotFound(_("These links are not here any more."))
    return links


def ids_in_request(name: str) -> list[int]:
    """The ids in the address, or in a form; what cannot be one is passed over."""
    ids = request.values.getlist(name, type=possible_id)
    return list(dict.fromkeys(ids))[:MAX_IDS]


@bp.get("/timeline-jobs/delete/")
@access("superuser")
def ask_runs() -> str | BaseResponse:
    ids = ids_in_request("job")
    if not ids:
        return done(url_for("admin.runs"), _("Tick the runs first."), "warning")
    return _ask(
        "runs", "job", ids,
        title=ngettext("Delete %(num)s run?", "Delete %(num)s runs?", len(ids)),
        what=_("What is recorded of it is deleted, its errors too. The posts it brought stay."),
        where=_("Timeline runs"),
    )  # fmt: skip


@bp.post("/timeline-jobs/delete/")
@access("superuser")
def delete_runs() -> BaseResponse:
    deleted = run_actions.delete_runs(ids_in_request("job"))
    message = ngettext("%(num)s run is deleted.", "%(num)s runs are deleted.", deleted)
    return _commit("runs", deleted, message)


@bp.get("/timeline-errors/delete/")
@access("superuser")
def ask_errors() -> str | BaseResponse:
    ids = ids_in_request("error")
    if not ids:
        return done(url_for("admin.errors"), _("Tick the errors first."), "warning")
    return _ask(
        "errors", "error", ids,
        title=ngettext("Delete %(num)s error?", "Delete %(num)s errors?", len(ids)),
        what=_("It is no longer shown here, on the account's page and in its run."),
        where=_("Errors of runs"),
    )  # fmt: skip


@bp.post("/timeline-errors/delete/")
@access("superuser")
def delete_errors() -> BaseResponse:
    deleted = run_actions.delete_errors(ids_in_request("error"))
    message = ngettext("%(num)s error is deleted.", "%(num)s errors are deleted.", deleted)
    return _commit("errors", deleted, message)


def _ask(table: str, name: str, ids: list[int], **texts: str) -> str:
    """The page that asks whether to delete these rows of a table of the administration."""
    return render_template(
        "admin_deletions/rows.html", name=name, ids=ids, back=url_for(f"admin.{table}"),
        action=url_for(f"admin_deletions.delete_{table}"), **texts,
    )  # fmt: skip


def _commit(table: str, deleted: int, message: str) -> BaseResponse:
    """Commit a deletion, and go back to the table with the message."""
    db.session.commit()
    return done(url_for(f"admin.{table}"), message, "success" if deleted else "info")
