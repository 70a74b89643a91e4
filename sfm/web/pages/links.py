"""Where links lead: of one post with every step, by domain, and those that failed."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.links import queries
from sfm.links.outcomes import WORDS_FOR_OUTCOME
from sfm.models import Link
from sfm.runs.jobs import FETCH_URLS
from sfm.runs.queue import enqueue
from sfm.web.access import access, signed_in_user
from sfm.web.htmx import done, page_or_part
from sfm.web.pagination import SortOrder, slice_of

bp = Blueprint("links", __name__)

SIZE = 50
WORDS: dict[str, object] = {
    "ok": lazy_gettext("leads to a page"),
    "gone": lazy_gettext("the page is gone"),
    "refused": lazy_gettext("the site refuses us"),
    "server_error": lazy_gettext("the site has trouble"),
    "timeout": lazy_gettext("the site did not answer in time"),
    "dns": lazy_gettext("there is no such site"),
    "connection": lazy_gettext("the site cannot be reached"),
    "tls": lazy_gettext("the site's certificate cannot be trusted"),
    "too_many_redirects": lazy_gettext("passed on too many times"),
    "not_public": lazy_gettext("leads to no public address"),
    "invalid": lazy_gettext("not a web address"),
    "too_large": lazy_gettext("the answer's headers are too large"),
    "bad_answer": lazy_gettext("the answer is no proper web answer"),
    "": lazy_gettext("not followed yet"),
}


@bp.get("/links/")
@access("signed_in")
def index() -> Response:
    """All links, by domain and outcome."""
    outcome = request.args.get("outcome", "")
    domain = request.args.get("domain", "").strip()[:255]
    if outcome not in WORDS_FOR_OUTCOME and outcome not in ("", "failed", "waiting"):
        abort(404)
    statement = queries.listing({"": None, "waiting": ""}.get(outcome, outcome), domain)
    order = SortOrder(f"links {outcome} {domain}", (Link.id,), (int,), descending=True)
    return page_or_part(
        "links/index.html", "links/_list.html",
        slice=slice_of(statement, order, request.args.get("at"), SIZE),
        outcome=outcome, domain=domain, words=WORDS,
    )  # fmt: skip


@bp.get("/links/counts/")
@access("signed_in")
def counts() -> Response:
    """How many links came to what, and end where: counted apart, for it goes over all of them."""
    return page_or_part(
        "links/counts.html", "links/_counts.html",
        words=WORDS, outcomes=queries.outcomes(), domains=queries.domains(),
    )  # fmt: skip


@bp.get("/twitter-item/<id:twitter_id>/links/")
@access("signed_in")
def show(twitter_id: int) -> Response:
    """The links of one post, every step of each."""
    post_links = queries.of_post(twitter_id)
    return page_or_part(
        "links/show.html", "links/_steps.html",
        post=post_links.item, links=post_links.links, words=WORDS,
    )  # fmt: skip


@bp.post("/twitter-item/<id:twitter_id>/links/")
@access("signed_in")
def follow(twitter_id: int) -> BaseResponse:
    """Have the links of one post followed now, whatever came of it before."""
    post = queries.of_post(twitter_id).item
    enqueue(
        FETCH_URLS,
        params={"item_ids": [post.id], "refetch": True},
        requested_by_id=signed_in_user().id,
    )
    db.session.commit()
    where = url_for("links.show", twitter_id=twitter_id)
    return done(where, _("The links will be followed in a moment. Reload this page to see."))
