"""The command that does what pages have asked for."""

from __future__ import annotations

import signal

import click
from flask.cli import with_appcontext


@click.command("work")
@click.option("--once", is_flag=True, help="End when nothing is waiting any more, for cron.")
@with_appcontext
def work(once: bool) -> None:
    """Do what pages have asked for: exports, deletions, first timelines, imports, filling of gaps.

    For installations whose setting SCHEDULER is off. Runs that were paused go on when their time
    has come, recurring exports are made, old ones deleted. Several may run at once. On SIGTERM
    or Ctrl-C, the run under way stops at its next item and goes on later.
    """
    from sfm.jobs import command
    from sfm.runs import shutdown

    stopping = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: shutdown.request_stop()) for number in stopping]
    try:
        done = command.work_on_queue() if once else command.work_until_stopped()
    finally:
        for number, handler in zip(stopping, before, strict=True):
            signal.signal(number, handler)
        shutdown.clear_stop()
    click.echo(f"{done:,} {'run' if done == 1 else 'runs'} carried out.")
