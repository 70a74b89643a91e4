"""Deleting what was collected: tweets from everything kept, and what is known of links.

The tables of the administration and a tweet's own page lead here with what was chosen in the
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
from sfm.takedown.removal import MOST_AT_ONCE
from sfm.web.access import access, signed_in_account
from sfm.web.forms.removals import TakedownForm
from sfm.web.htmx import done, page_or_part
from sfm.web.request_limits import possible_id

bp = Blueprint("admin_deletions", __name__, url_prefix="/admin")


@bp.route("/twitter-user-items/delete/", methods=["GET", "POST"])
@access("superuser")
def tweets() -> Response | BaseResponse:
    ids = chosen_numbers("tweet")
    if not ids:
        return done(url_for("admin.items"), _("Tick the tweets first."), "warning")
    found = queries.cards(ids)
    if not found:
        raise NotFound(_("None of these tweets is kept here. They may be deleted already."))
    form = TakedownForm()
    if form.validate_on_submit():
        held = [tweet.twitter_id for tweet in found]
        run = takedown.ask(
            held, form.reason.data or "", signed_in_account(), may_return=form.may_return.data
        )
        db.session.commit()
        said = ngettext(
            "%(num)s tweet is being deleted everywhere.",
            "%(num)s tweets are being deleted everywhere.",
            len(held),
        )
        return done(url_for("runs.show", run_id=run.id), said)
    status = 422 if form.errors else 200
    return page_or_part(
        "admin_deletions/posts.html", "admin_deletions/_posts.html", status, form=form, tweets=found
    )


@bp.get("/twitter-user-item-urls/change/")
@access("superuser")
def links() -> Response | BaseResponse:
    found = actions.links_of_ids(chosen_numbers("link"))
    if not found:
        return done(url_for("admin.urls"), _("Tick the links first."), "warning")
    return page_or_part(
        "admin_deletions/links.html", "admin_deletions/links.html",
        links=found, tweets=actions.tweets_with(found),
        deletes=request.args.get("do") != "follow",
    )  # fmt: skip


@bp.post("/twitter-user-item-urls/delete/")
@access("superuser")
def delete_links() -> BaseResponse:
    gone = actions.forget(_links_or_none())
    db.session.commit()
    said = ngettext("%(num)s link is deleted.", "%(num)s links are deleted.", gone)
    return done(url_for("admin.urls"), said)


@bp.post("/twitter-user-item-urls/follow/")
@access("superuser")
def follow_links() -> BaseResponse:
    run = actions.follow_again(_links_or_none(), signed_in_account())
    if run is None:
        raise NotFound(_("No tweet that is kept here holds these links any more."))
    db.session.commit()
    return done(url_for("runs.show", run_id=run.id), _("The links will be followed in a moment."))


def _links_or_none() -> list[Link]:
    found = actions.links_of_ids(chosen_numbers("link"))
    if not found:
        raise NotFound(_("These links are not here any more."))
    return found


def chosen_numbers(name: str) -> list[int]:
    """The numbers in the address, or behind a form; what cannot be one is passed over."""
    numbers = request.values.getlist(name, type=possible_id)
    return list(dict.fromkeys(numbers))[:MOST_AT_ONCE]


@bp.get("/timeline-jobs/delete/")
@access("superuser")
def ask_jobs() -> str | BaseResponse:
    ids = chosen_numbers("job")
    if not ids:
        return done(url_for("admin.jobs"), _("Tick the jobs first."), "warning")
    return render_template(
        "admin_deletions/records.html", name="job", ids=ids,
        title=ngettext("Delete %(num)s job?", "Delete %(num)s jobs?", len(ids)),
        what=_("What is written down of it goes, its errors too. The tweets it brought stay."),
        action=url_for("admin_deletions.delete_jobs"), back=url_for("admin.jobs"),
        where=_("Timeline jobs"),
    )  # fmt: skip


@bp.post("/timeline-jobs/delete/")
@access("superuser")
def delete_jobs() -> BaseResponse:
    gone = run_actions.delete_runs(chosen_numbers("job"))
    db.session.commit()
    said = ngettext("%(num)s job is deleted.", "%(num)s jobs are deleted.", gone)
    return done(url_for("admin.jobs"), said, "success" if gone else "info")


@bp.get("/timeline-errors/delete/")
@access("superuser")
def ask_errors() -> str | BaseResponse:
    ids = chosen_numbers("error")
    if not ids:
        return done(url_for("admin.errors"), _("Tick the errors first."), "warning")
    return render_template(
        "admin_deletions/records.html", name="error", ids=ids,
        title=ngettext("Delete %(num)s error?", "Delete %(num)s errors?", len(ids)),
        what=_("It is no longer shown here, on the account's page and in its job."),
        action=url_for("admin_deletions.delete_errors"), back=url_for("admin.errors"),
        where=_("Timeline job errors"),
    )  # fmt: skip


@bp.post("/timeline-errors/delete/")
@access("superuser")
def delete_errors() -> BaseResponse:
    gone = run_actions.delete_errors(chosen_numbers("error"))
    db.session.commit()
    said = ngettext("%(num)s error is deleted.", "%(num)s errors are deleted.", gone)
    return done(url_for("admin.errors"), said, "success" if gone else "info")
