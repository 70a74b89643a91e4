"""The command that takes a post out of everything that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many
from sfm.networks.record import MAX_ID

if TYPE_CHECKING:
    from sfm.takedown.outcome import Outcome
    from sfm.takedown.removal import Findings


@click.command("remove_tweet")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, MAX_ID))
@click.option("--reason", required=True, help="Why, for the audit log: who asked, and when.")
@click.option("--may-return", is_flag=True, help="Allow them to be collected or imported again.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@with_appcontext
def remove_tweet(ids: tuple[int, ...], reason: str, may_return: bool, yes: bool) -> None:
    """Delete posts from everything kept here, for good: when Twitter or their author asks for it.

    Goes through the database (retweets of them and copies inside quotes too), finished stream
    files and exports, which are deleted whole if they hold one, until nothing is found any more.
    Says what would go and asks first. Collecting, importing and filling gaps leaves them out from
    then on. What is still being written is named: run it again when that is finished (exit code 1
    until then). Not reached are backups and files that were taken elsewhere.
    """
    from sfm.cli.users import at_the_terminal
    from sfm.errors import WrongInput
    from sfm.messages import Message
    from sfm.takedown import removal

    if not reason.strip():
        raise WrongInput(Message("Say why with --reason; the audit log keeps it."))
    findings = removal.find_posts(ids)
    _show_findings(findings)
    if not findings.anything and not findings.later:
        return
    if not yes:
        click.confirm("Delete this for good?", abort=True, err=True)
    with at_the_terminal():
        outcome = removal.remove_posts(findings, reason.strip(), may_return=may_return)
    _show_leftovers(outcome, may_return=may_return)
    if not outcome.nothing_left:
        raise click.exceptions.Exit(1)


def _show_findings(findings: Findings) -> None:
    if not findings.anything:
        if not findings.later:
            click.echo("Nothing of this is kept here: there is nothing to delete.")
        return
    counts = findings.counts()
    click.echo(many(counts["stored"], "stored post", ", retweets included"))
    cut = many(counts["copies cut out"], "stored post")
    click.echo(f"{cut} holding a copy in a quote or an answer, only the copy")
    lines = many(counts["lines in stream files"], "line")
    click.echo(f"{lines} in {many(counts['stream files'], 'stream file')}")
    click.echo(many(counts["files put aside"], "file", " with lines that were put aside"))
    click.echo(many(counts["exports"], "exported file", ", whole"))
    click.echo(many(counts["lists of ids"], "id list", ", the ids on them"))


def _show_leftovers(outcome: Outcome, *, may_return: bool) -> None:
    from sfm.takedown.outcome import name_of

    if outcome.nothing_left:
        click.echo("Deleted everywhere, and written into the audit log: a last look found nothing.")
        if not may_return:
            click.echo("It is left out from now on wherever posts come in.")
    else:
        click.echo("Deleted where it could be, and written into the audit log.")
    for trouble in outcome.troubles:
        click.echo(f"Not done: {trouble}", err=True)
    for path in outcome.later:
        click.echo(f"Not done yet, still being written: {name_of(path)}", err=True)
    for program in outcome.collectors:
        click.echo(f"The collector {program} does not know of it yet; restart it.", err=True)
    if not outcome.nothing_left:
        click.echo("Run this again when that is finished.", err=True)
    _show_copies()


def _show_copies() -> None:
    from sfm.takedown.outcome import backups

    copies = backups()
    if copies:
        click.echo("Copies of the database from before may still hold it; delete them:", err=True)
        for path in copies:
            click.echo(f"  {path}", err=True)
