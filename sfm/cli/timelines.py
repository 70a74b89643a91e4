"""Commands that ask Twitter about the collected accounts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many

if TYPE_CHECKING:
    from sfm.timelines.collect import CollectResult

one_user = click.option("--user", metavar="NAME", help="Only this account, by name.")


@click.command("user_timeline")
@one_user
@with_appcontext
def user_timeline(user: str | None) -> None:
    """Collect new posts of all active accounts, or of one.

    From the newest back to the last one held; the first time up to the 3,200 that Twitter gives.
    Accounts that are suspended, gone or quiet for months are asked less often; with --user an
    account is asked whatever its state.
    """
    from sfm.cli.running import running
    from sfm.timelines.run import run_timelines
    from sfm.users.clients import collecting_client, default_client

    params = _params(user)
    default_client()
    with running("user_timeline", params) as (run, result):
        result.update(run_timelines(run, collecting_client, listener=_tell_account))
    click.echo(_timeline_summary(run.id, result))
    if user is not None and result["failed"]:
        sys.exit(1)


def _tell_account(name: str, outcome: CollectResult | str) -> None:
    if isinstance(outcome, str):
        click.echo(f"{name}: {outcome}", err=True)
    elif outcome.new:
        click.echo(f"{name}: {many(outcome.new, 'new post')}")


def _timeline_summary(run_id: int, result: dict[str, Any]) -> str:
    parts = [many(result["accounts"], "account"), many(result["new"], "new post")]
    if result["failed"]:
        parts.append(f"{result['failed']:,} could not be read")
    if result["not_asked"]:
        parts.append(f"{result['not_asked']:,} not asked this time")
    return f"Timeline run {run_id}: {', '.join(parts)}."


@click.command("update_usernames")
@one_user
@with_appcontext
def update_usernames(user: str | None) -> None:
    """Look all active accounts up, 100 a call, and take over new names and states."""
    from sfm.cli.running import patient_client, running
    from sfm.timelines import refresh_names
    from sfm.users.clients import default_client

    params = _params(user)
    default_client()
    with running("update_usernames", params) as (run, result):
        client = patient_client(run)
        result.update(refresh_names.update_usernames(run, client, report=click.echo))
    click.echo(
        f"{many(result['accounts'], 'account')} looked up, {result['renamed']:,} renamed, "
        f"{result['changed_state']:,} with another state."
    )
    if result["unconfirmed"]:
        click.echo(
            f"{many(result['unconfirmed'], 'account')} said to be gone, which is many at once: "
            "not entered until a look-up six hours later says the same, or an administrator "
            "confirms it on the first page."
        )


@click.command("populate_uids")
@one_user
@with_appcontext
def populate_uids(user: str | None) -> None:
    """Deprecated: fill in the uids that accounts of old databases lack."""
    from sfm.cli.running import patient_client, running
    from sfm.timelines import refresh_names as timeline_refresh_names
    from sfm.users.clients import default_client

    click.echo("populate_uids is deprecated: new accounts have their uid at once.", err=True)
    params = _params(user)
    default_client()
    with running("populate_uids", params) as (run, result):
        client = patient_client(run)
        result.update(timeline_refresh_names.populate_uids(run, client, report=click.echo))
    missing = result["accounts"] - result["filled"]
    click.echo(f"{many(result['filled'], 'uid')} filled in, {missing:,} could not be.")


def _params(user: str | None) -> dict[str, Any]:
    from sfm.timelines.refresh_names import ids_by_name

    return {} if user is None else {"twitter_user_ids": ids_by_name(user)}
