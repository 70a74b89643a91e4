"""Reading collected accounts: A to Z, search by name, one account's page."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from sfm.accounts import completeness, queries
from sfm.accounts.queries import AccountByName
from sfm.errors import NotFound
from sfm.models import TwitterUser
from sfm.posts import queries as post_queries
from sfm.posts.selection import Selection
from sfm.runs import queries as run_queries
from sfm.web.access import access, signed_in_user
from sfm.web.charts import every_day, sparkline
from sfm.web.htmx import page_or_part
from sfm.web.pages.account_lists import MATCHES, a_to_z, matching

bp = Blueprint("accounts", __name__)

SPARK_DAYS = 90
LATEST = 20
ERRORS = 10
EVENTS = 100
MAX_QUERY_LENGTH = 200


@bp.get("/users/alpha/")
@access("signed_in")
def alpha() -> Response:
    letter = request.args.get("letter", "")[:1].lower()
    accounts = a_to_z(letter, request.args.get("at"))
    return page_or_part("accounts/alpha.html", "accounts/_list.html", slice=accounts, letter=letter)


@bp.get("/search/")
@access("signed_in")
def search() -> Response:
    query = request.args.get("q", "").strip()[:MAX_QUERY_LENGTH]
    accounts = matching(query, request.args.get("at")) if query else None
    return page_or_part(
        "accounts/search.html", "accounts/_results.html", slice=accounts, query=query, most=MATCHES
    )


@bp.get("/twitter-user/<string:name>/")
@access("signed_in")
def show(name: str) -> Response | BaseResponse | str:
    named = queries.by_name(name)
    account = _account_meant(named, request.args.get("uid", ""))
    if account is None:
        if not named.now and not named.once:
            raise NotFound(_("No account with this name is collected here, now or formerly."))
        return render_template("accounts/choose.html", name=name, named=named)
    if account not in named.now:
        flash(_("%(old)s is now called %(new)s.", old=name, new=account.name), "info")
    if account.name != name:
        return redirect(url_for("accounts.show", name=account.name, uid=request.args.get("uid")))
    return Response(_page(account, named))


def _account_meant(named: AccountByName, uid: str) -> TwitterUser | None:
    """The account that the address means; None where there are several, or none."""
    with_uid = [account for account in (*named.now, *named.once) if str(account.uid) == uid]
    return with_uid[0] if with_uid else named.unambiguous


def _page(account: TwitterUser, named: AccountByName) -> str:
    last = post_queries.today_utc()
    counts = post_queries.day_counts(last, SPARK_DAYS, account_id=account.id)
    days = every_day(counts, last, SPARK_DAYS)
    return render_template(
        "accounts/show.html",
        account=account,
        is_only=len(named.now) == 1,  # else the exports' address by name would be another's
        others=[other for other in (*named.now, *named.once) if other is not account],
        spark=sparkline(days),
        latest=post_queries.latest(LATEST, Selection(accounts=(account.id,))),
        events=queries.history(account.id, EVENTS),
        sets=queries.sets_with(signed_in_user(), account.id),
        errors=run_queries.errors_of_account(account.id, ERRORS),
        completeness=completeness.describe(completeness.of_account(account)),
        former=sorted(account.former_names.items(), reverse=True),
    )
