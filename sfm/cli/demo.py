"""`demo`: a whole collection against the sandbox, in plain words. It leaves nothing behind."""

from __future__ import annotations

import logging
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many

if TYPE_CHECKING:
    from flask import Flask

    from sfm.sandbox.server import Sandbox

ACCOUNTS = ("FerryNotes", "millbrook_lib", "HarborCouncil")
REFUSED = ("spam_fountain", "nobody_at_all")
NEW_NAME = "FerryLog"
PASSING_SECONDS = 6 * 3600


class Earlier:
    """The sandbox's clock: begins so early that the demo ends now, and no post is of tomorrow."""

    def now(self) -> datetime:
        from sfm import clock

        return clock.now() - timedelta(seconds=PASSING_SECONDS)


@click.command("demo")
@with_appcontext
def demo() -> None:
    """Show a whole collection against the sandbox, in a temporary folder, without a browser.

    Starts the sandbox, adds accounts, collects twice (the second time only what is new), renames
    one account, and says what happened. Needs no key and touches nothing of this installation.
    """
    from flask import current_app

    from sfm.sandbox.server import Sandbox

    logging.getLogger("sfm").setLevel(logging.ERROR)  # the demo's own lines say it all
    make_app = current_app.extensions["sfm_create_app"]
    with (
        tempfile.TemporaryDirectory(prefix="sfm-demo-") as folder,
        Sandbox(clock=Earlier()) as sandbox,
    ):
        say(f"The sandbox, a Twitter of made-up accounts, answers on {sandbox.url}.")
        app = make_app(settings_for(Path(folder), sandbox))
        with app.app_context():
            show(app, sandbox)
    say("That was all. The folder is gone again; `make run` shows the same with pages.")


def settings_for(folder: Path, sandbox: Sandbox) -> Any:
    """Settings of an installation that lives in this folder and speaks to the sandbox."""
    from sfm.config import Settings

    folder.chmod(0o700)
    return Settings(
        instance=folder,
        twitter_api_root=sandbox.url,
        twitter_bearer_token=sandbox.bearer_token,
    )


def show(app: Flask, sandbox: Sandbox) -> None:
    """The demo's steps. The app is the demo's own, with an empty database."""
    from sfm.database import db
    from sfm.extensions import settings
    from sfm.setup.migrate import bring_up_to_date

    bring_up_to_date(settings().instance / "copies")
    say(f"A new database is in {settings().instance}.\n\nAdding accounts:")
    add_accounts()
    say("\nFirst collection, from the newest post back:")
    collect(sandbox)
    sandbox.clock.advance(PASSING_SECONDS)
    say("\nSix hours go by. Second collection, only what is new since:")
    collect(sandbox)
    say(f"\nMeanwhile, {ACCOUNTS[0]} takes another name. Looking all names up:")
    sandbox.world.rename(sandbox.world.find(ACCOUNTS[0]), NEW_NAME)
    look_names_up()
    say("\nWhat is held now:")
    tell_holdings()
    db.session.remove()
    db.engine.dispose()


def add_accounts() -> None:
    from sfm.accounts import service
    from sfm.database import db
    from sfm.errors import WrongInput
    from sfm.users.clients import default_client

    for name in (*ACCOUNTS, *REFUSED):
        try:
            user = service.add_by_name(default_client(), name)
            db.session.commit()
            say(f"  {user.name}: added (uid {user.uid}).")
        except WrongInput as refused:
            db.session.rollback()
            say(f"  {name}: refused. {refused.message}")


def collect(sandbox: Sandbox) -> None:
    from sfm.cli.running import running
    from sfm.timelines.run import run_timelines
    from sfm.users.clients import collecting_client

    calls_before = len(sandbox.served)
    with running("user_timeline") as (run, result):
        result.update(
            run_timelines(
                run,
                collecting_client,
                listener=lambda name, outcome: say(
                    f"  {name}: {getattr(outcome, 'new', outcome):,} new."
                ),
            )
        )
    calls = len(sandbox.served) - calls_before
    say(f"  {many(result['new'], 'post')}, with {many(calls, 'call')} to Twitter.")


def look_names_up() -> None:
    from sfm.cli.running import running
    from sfm.timelines import refresh_names
    from sfm.users.clients import default_client

    with running("update_usernames") as (run, result):
        tell = lambda line: say(f"  {line}")  # noqa: E731
        result.update(refresh_names.update_usernames(run, default_client(), report=tell))


def tell_holdings() -> None:
    from sfm.accounts.queries import all_by_name

    for user in all_by_name():
        former = ", ".join(user.former_names.values())
        once = f" (once {former})" if former else ""
        newest = f"{user.newest_item_at:%Y-%m-%d %H:%M}" if user.newest_item_at else "never"
        say(f"  {user.name}{once}: {many(user.items_count, 'post')}, the newest of {newest} UTC.")


def say(line: str) -> None:
    click.echo(line)
