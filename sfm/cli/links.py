"""The command that follows links."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many

day = click.DateTime(["%Y-%m-%d"])


@click.command("fetch_urls")
@click.option("--start-date", type=day, help="Only posts of this day (UTC) and later.")
@click.option("--end-date", type=day, help="Only posts of this day (UTC) and earlier.")
@click.option("--twitter-user", metavar="NAME", help="Only posts of this account.")
@click.option("--limit", type=click.IntRange(min=1), help="Look at so many posts at most.")
@click.option("--refetch", is_flag=True, help="Also links that were followed before, each once.")
@with_appcontext
def fetch_urls(**given: Any) -> None:
    """Follow the links of posts to where they lead, and keep every step.

    Without options the posts since yesterday come first, then links that are due for another try,
    then all other posts. Days, an account and a limit choose posts, and no other links are
    followed. Links that were followed are left out until they are due, unless --refetch is given.
    Each host is asked once a second at most; links that do not answer are tried again later.
    """
    from sfm.cli.running import running
    from sfm.errors import WrongInput
    from sfm.links.outcomes import WORDS_FOR_OUTCOME
    from sfm.links.run import run_links
    from sfm.messages import Message
    from sfm.runs.jobs import FETCH_URLS

    start, end = _day(given["start_date"]), _day(given["end_date"])
    if start and end and start > end:
        raise WrongInput(Message("--start-date is later than --end-date."))
    with running(FETCH_URLS, _params(given, start, end)) as (run, result):
        result.update(run_links(run))
    click.echo(
        f"{many(result['posts'], 'post')} looked at, {many(result['links'], 'link')} followed."
    )
    for outcome, words in WORDS_FOR_OUTCOME.items():
        if count := result["outcomes"].get(outcome):
            click.echo(f"{count:>9,}  {words}")


def _params(given: dict[str, Any], start: date | None, end: date | None) -> dict[str, Any]:
    from sfm.timelines.refresh_names import ids_by_name

    params: dict[str, Any] = {
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
        "limit": given["limit"],
        "refetch": given["refetch"] or None,
    }
    if given["twitter_user"]:
        params["twitter_user_ids"] = ids_by_name(given["twitter_user"])
    return {name: value for name, value in params.items() if value is not None}


def _day(moment: Any) -> date | None:
    return moment.date() if moment is not None else None
