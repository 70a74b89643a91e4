"""Administration: where everything is managed, and the plain tables of what was collected."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy import Select

from sfm.accounts import queries as account_queries
from sfm.links import queries as link_queries
from sfm.models import Link, Run, RunError, TwitterUserItem
from sfm.models.run import RUN_STATES
from sfm.posts import queries as post_queries
from sfm.runs import queries as run_queries
from sfm.runs.jobs import job_of
from sfm.users.usage import usage_this_month
from sfm.web.access import access
from sfm.web.htmx import page_or_part
from sfm.web.pages.links import SECONDS, WORDS, LinkFilter
from sfm.web.pages.post_facets import KINDS
from sfm.web.pagination import Slice, SortOrder, slice_of

bp = Blueprint("admin", __name__, url_prefix="/admin")

PAGE = 50


@bp.get("/")
@access("superuser")
def index() -> str:
    return render_template(
        "admin/index.html", totals=post_queries.collection_totals(), usage=usage_this_month()
    )


@bp.get("/twitter-user-items/")
@access("superuser")
def posts() -> Response:
    name, kind = request.args.get("q", "").strip()[:60], request.args.get("kind", "")
    kind = kind if kind in KINDS else ""
    account_ids = _accounts_of(name) if name else None
    return page_or_part(
        "admin/posts.html", "admin/_posts.html",
        slice=_newest_first(
            post_queries.of_accounts(account_ids, kind),
            f"posts {kind} {name}",
            TwitterUserItem.twitter_id,
        ),
        q=name, kind=kind, kinds=KINDS,
    )  # fmt: skip


@bp.get("/twitter-user-item-urls/")
@access("superuser")
def links() -> Response:
    text = request.args.get("q", "").strip()[:500]
    link_filter = LinkFilter.from_args(request.args)
    statement = link_filter.statement(link_queries.of_domain_or_beginning(text))
    return page_or_part(
        "admin/links.html", "admin/_links.html",
        slice=_newest_first(statement, f"links {link_filter} {text}", Link.id),
        q=text, link_filter=link_filter, words=WORDS, seconds=SECONDS,
    )  # fmt: skip


@bp.get("/timeline-jobs/")
@access("superuser")
def runs() -> Response:
    state = request.args.get("state", "")
    state = state if state in RUN_STATES else ""
    return page_or_part(
        "admin/runs.html", "admin/_runs.html",
        slice=_newest_first(run_queries.runs_of("user_timeline", state), f"runs {state}", Run.id),
        state=state, states=RUN_STATES, job_of=job_of,
    )  # fmt: skip


@bp.get("/timeline-errors/")
@access("superuser")
def errors() -> Response:
    text = request.args.get("q", "").strip()[:200]
    return page_or_part(
        "admin/errors.html", "admin/_errors.html",
        slice=_newest_first(run_queries.errors_about(text), "errors", RunError.id),
        q=text, job_of=job_of,
    )  # fmt: skip


def _accounts_of(name: str) -> list[int]:
    """The ids of the accounts that have or had this name."""
    named = account_queries.by_name(name)
    return [account.id for account in (*named.now, *named.once)]


def _newest_first(statement: Select[Any], name: str, column: Any) -> Slice[Any]:
    """The page of these rows that the address leads to, highest `column` first."""
    order = SortOrder(name, (column,), (int,), descending=True)
    return slice_of(statement, order, request.args.get("at"), PAGE)
