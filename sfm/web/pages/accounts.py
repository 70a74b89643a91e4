"""Reading collected accounts: A to Z, search by name, one account's page."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import queries
from sfm.accounts.queries import AccountByName
from sfm.errors import NotFound
from sfm.models import TwitterUser
from sfm.posts import queries as tweets
from sfm.posts.selection import Selection
from sfm.runs import queries as run_queries
from sfm.web.access import access, signed_in_account
from sfm.web.charts import every_day, sparkline
from sfm.web.htmx import page_or_part
from sfm.web.pages.account_lists import FOUND, a_to_z, matching

bp = Blueprint("accounts", __name__)

SPARK_DAYS = 90
LATEST = 20
ERRORS = 10
EVENTS = 100
LONGEST_QUERY = 200


@bp.get("/users/alpha/")
@access("signed_in")
def alpha() -> Response:
    letter = request.args.get("letter", "")[:1].lower()
    found = a_to_z(letter, request.args.get("at"))
    return page_or_part("accounts/alpha.html", "accounts/_list.html", slice=found, letter=letter)


@bp.get("/search/")
@access("signed_in")
def search() -> Response:
    query = request.args.get("q", "").strip()[:LONGEST_QUERY]
    found = matching(query, request.args.get("at")) if query else None
    return page_or_part(
        "accounts/search.html", "accounts/_results.html", slice=found, query=query, most=FOUND
    )


@bp.get("/twitter-user/<string:name>/")
@access("signed_in")
def show(name: str) -> Response | BaseResponse | str:
    named = queries.by_name(name)
    user = _meant(named, request.args.get("uid", ""))
    if user is None:
        if not named.now and not named.once:
            raise NotFound(_("No account with this name is collected here, now or formerly."))
        return render_template("accounts/choose.html", name=name, named=named)
    if user not in named.now:
        flash(_("%(old)s is now called %(new)s.", old=name, new=user.name), "info")
    if user.name != name:
        return redirect(url_for("accounts.show", name=user.name, uid=request.args.get("uid")))
    return Response(_page(user, named))


def _meant(named: AccountByName, uid: str) -> TwitterUser | None:
    """The account that the address means; None where there are several, or none."""
    chosen = [user for user in (*named.now, *named.once) if str(user.uid) == uid]
    return chosen[0] if chosen else named.one


def _page(user: TwitterUser, named: AccountByName) -> str:
    last = tweets.posts_today()
    counts = tweets.day_counts(last, SPARK_DAYS, account_id=user.id)
    days = every_day(counts, last, SPARK_DAYS)
    return render_template(
        "accounts/show.html",
        user=user,
        is_only=len(named.now) == 1,  # else the exports' address by name would be another's
        others=[other for other in (*named.now, *named.once) if other is not user],
        spark=sparkline(days),
        latest=tweets.latest(LATEST, Selection(accounts=(user.id,))),
        events=queries.history(user.id, EVENTS),
        sets=queries.sets_with(signed_in_account(), user.id),
        errors=run_queries.errors_of_account(user.id, ERRORS),
        former=sorted(user.former_names.items(), reverse=True),
    )
