"""Where links lead: of one post with every step, by domain, and those that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import Select
from werkzeug.wrappers import Response as BaseResponse

from sfm.database import db
from sfm.links import actions, queries
from sfm.links.outcomes import WORDS_FOR_OUTCOME
from sfm.models import Link
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
SECONDS = (1, 3, 10, 30)  # how long a look took at least, to choose from


@dataclass(frozen=True)
class LinkFilter:
    """What a list of links is narrowed to. `outcome`: a name of WORDS, or "failed", "waiting";
    `seconds`: how long the latest look took at least."""

    outcome: str
    seconds: int

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> LinkFilter:
        """Out of an address. Answers 404 for an outcome or a duration that there is not."""
        outcome, seconds = args.get("outcome", ""), args.get("seconds", "")
        if outcome not in WORDS_FOR_OUTCOME and outcome not in ("", "failed", "waiting"):
            abort(404)
        if seconds and seconds not in map(str, SECONDS):
            abort(404)
        return cls(outcome, int(seconds or 0))

    def statement(self, links: Select[Any]) -> Select[Any]:
        """Those of these links that fit."""
        outcome = {"": None, "waiting": ""}.get(self.outcome, self.outcome)
        return queries.narrow(links, outcome, self.seconds)


@bp.get("/links/")
@access("signed_in")
def index() -> Response:
    """All links, by domain, outcome and how long they took."""
    link_filter = LinkFilter.from_args(request.args)
    domain = request.args.get("domain", "").strip()[:255]
    statement = link_filter.statement(queries.ending_at(domain))
    order = SortOrder(f"links {link_filter} {domain}", (Link.id,), (int,), descending=True)
    return page_or_part(
        "links/index.html", "links/_list.html",
        slice=slice_of(statement, order, request.args.get("at"), SIZE),
        link_filter=link_filter, domain=domain, words=WORDS, seconds=SECONDS,
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
    actions.follow_now([post.id], signed_in_user())
    db.session.commit()
    where = url_for("links.show", twitter_id=twitter_id)
    return done(where, _("The links will be followed in a moment. Reload this page to see."))
