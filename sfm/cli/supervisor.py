"""Commands for supervisord: the main configuration, and one file for each active filter."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from sfm.networks.record import MAX_ID


@click.command()
@click.option(
    "--sandbox-port",
    type=click.IntRange(1, 65535),
    help="Also run the sandbox Twitter, on this port.",
)
@click.option(
    "--web/--no-web", default=True, help="Run the pages too (default), or collectors only."
)
@with_appcontext
def supervisor_config(sandbox_port: int | None, web: bool) -> None:
    """Write the configuration of our own supervisord and print its path.

    Start it with `supervisord -c PATH`, as the user who is to own the collected files.
    """
    from sfm.extensions import settings
    from sfm.supervisord.own_conf import write_main

    click.echo(write_main(settings(), sandbox_port=sandbox_port, web=web))


@click.command()
@click.option(
    "--twitter-filter",
    "filter_id",
    type=click.IntRange(1, MAX_ID),
    help="Only for this filter; all active ones if not given.",
)
@with_appcontext
def createconf(filter_id: int | None) -> None:
    """Write supervisord's configuration of all active filters, or of one, and have it follow.

    Where supervisord is away the files are ready for its return.
    """
    from sfm.cli import Sentence
    from sfm.filters import reconcile, service

    if filter_id is not None and not service.by_id(filter_id).is_active:
        raise Sentence(f"Filter {filter_id} is not active.", exit_code=1)
    changes = reconcile.apply()
    client = reconcile.supervisord_client()
    program = reconcile.program_of(filter_id) if filter_id else None
    for name in client.configured():
        if program in (None, name):
            click.echo(client.place.conf / f"{name}.conf")
    if not changes.manager.is_running:
        click.echo(changes.manager.message, err=True)
    if changes.manager.state in {"broken", "garbled"}:
        raise click.exceptions.Exit(1)
