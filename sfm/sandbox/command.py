"""The command line of the sandbox; `flask sandbox` is the same command."""

from __future__ import annotations

from typing import Any

import click

from sfm.sandbox.defaults import (
    DEFAULT_BEARER_TOKEN,
    DEFAULT_CROWD,
    DEFAULT_KEEP_ALIVE,
    DEFAULT_PORT,
    DEFAULT_SEED,
)


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port; 0 picks a free one.")
@click.option("--seed", default=DEFAULT_SEED, show_default=True, help="Another seed, other posts.")
@click.option(
    "--accounts",
    type=click.IntRange(1, 100_000),
    help="How many accounts there are. Without it, the cast of about fifty.",
)
@click.option(
    "--crowd",
    type=click.FloatRange(0, 100_000),
    default=DEFAULT_CROWD,
    show_default=True,
    help="Posts a second by small accounts, for streams and search.",
)
@click.option(
    "--keep-alive",
    type=click.FloatRange(0.1, 3_600),
    default=DEFAULT_KEEP_ALIVE,
    show_default=True,
    help="Seconds between the empty lines that show a quiet stream is alive.",
)
@click.option("--limits/--no-limits", default=True, show_default=True, help="Keep X's rate limits.")
@click.option(
    "--bearer-token",
    "bearer_tokens",
    multiple=True,
    default=(DEFAULT_BEARER_TOKEN,),
    show_default=True,
    help="An app token to accept; may be given again. Each stands for an app of its own.",
)
@click.option(
    "--callback",
    "callbacks",
    multiple=True,
    help="An address people may be sent back to after signing in; may be given again. "
    "Without it, any address on this machine.",
)
@click.option(
    "--dialect",
    type=click.Choice(["auto", "tweet", "post"]),
    default="auto",
    show_default=True,
    help="X's older or newer vocabulary, for requests that do not show which they want.",
)
def sandbox(
    host: str, port: int, accounts: int | None, callbacks: tuple[str, ...], **more: Any
) -> None:
    """Run the Twitter stand-in: made-up accounts, X's own answers, no key needed."""
    from sfm.sandbox.apps import RegisteredApp
    from sfm.sandbox.server import Sandbox, serve
    from sfm.sandbox.world.cast import CAST

    try:
        server = Sandbox(
            host=host,
            port=port,
            accounts=accounts or len(CAST),
            app=RegisteredApp(callbacks=callbacks),
            **more,
        )
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host}:{port}: {exc.strerror}") from exc
    serve(server, click.echo)
