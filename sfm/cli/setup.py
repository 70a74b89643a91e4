"""Commands that `make run` uses at the first start."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

NO_SANDBOX_WANTED = 3


@click.command("use_sandbox")
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="The sandbox's port.")
@with_appcontext
def use_sandbox(port: int) -> None:
    """Where no Twitter key is set, set this installation up to speak to the sandbox.

    Exit code 0 where it speaks to the sandbox, 3 where a key is set and no sandbox is wanted.
    """
    from sfm.extensions import settings
    from sfm.setup.sandbox_mode import speaks_to_sandbox

    if not speaks_to_sandbox(settings(), port):
        sys.exit(NO_SANDBOX_WANTED)
