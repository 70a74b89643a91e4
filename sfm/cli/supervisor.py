"""Commands for supervisord: the main configuration, and one file for each active filter."""

from __future__ import annotations

import click
from flask.cli import with_appcontext


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
    from sfm.supervisord.main_conf import write_main

    click.echo(write_main(settings(), sandbox_port=sandbox_port, web=web))
