"""Commands that add accounts."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many

if TYPE_CHECKING:
    from sfm.accounts.list_import import ImportOutcome, ImportPreview, ListLine
    from sfm.models import User


@click.command("add_userlist")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--setname", metavar="NAME", help="Put all accounts of the list into this set.")
@click.option("--user", "owner", metavar="OWNER", help="The User whose set it is.")
@click.option("--yes", is_flag=True, help="Make the set without asking, if it is a new one.")
@click.option(
    "--protected",
    is_flag=True,
    help="Add protected accounts too, whose posts only accepted followers can read.",
)
@with_appcontext
def add_userlist(
    file: Path, setname: str | None, owner: str | None, yes: bool, protected: bool
) -> None:
    """Add the accounts of FILE, one name a line; a leading @ is dropped, blank lines skipped.

    Says for each line what became of it: added, already here, renamed, protected, suspended,
    not found. Those that are here already go into the set as well. A protected account is added
    only with --protected.
    """
    from sfm.accounts import list_import
    from sfm.cli.running import patient_client, running
    from sfm.users.clients import default_client

    verdicts = list_import.WITH_PROTECTED if protected else list_import.PUBLIC
    texts = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    list_import.read_lines(texts)
    set_id = _set_for(setname, owner, yes) if setname else None
    default_client()
    with running("add_userlist", {"file": file.name, "set_id": set_id}) as (run, result):
        client = patient_client(run)
        preview = list_import.preview(
            client, texts, progress=lambda done, total: run.set_status("", total)
        )
        run.count_usage(preview.cost.calls, users=preview.cost.users)
        outcome = list_import.import_all(run, preview, set_id=set_id, verdicts=verdicts)
        result.update(
            {"lines": len(preview.lines), "added": outcome.added, "renamed": outcome.renamed}
        )
    for line in preview.lines:
        click.echo(words_for(line, verdicts))
    click.echo(_summary(preview, outcome))


@click.command("confirm_gone")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def confirm_gone(yes: bool) -> None:
    """Enter accounts as gone that Twitter called gone, many at once.

    Names them and asks first. Without this, they are entered when a look-up at least six hours
    later says the same.
    """
    from sfm.accounts import lifecycle
    from sfm.cli.users import at_the_terminal
    from sfm.database import begin_write, db

    names = {account.id: account.name for account in lifecycle.unconfirmed_accounts()}
    db.session.rollback()
    if not names:
        click.echo("No account waits to be confirmed.")
        return
    for name in names.values():
        click.echo(name)
    if not yes:
        click.confirm(f"Enter these {len(names):,} accounts as gone?", abort=True, err=True)
    begin_write()
    with at_the_terminal():
        confirmed = lifecycle.confirm_gone(list(names))
    db.session.commit()
    click.echo(f"{confirmed:,} accounts are entered as gone from Twitter.")


def words_for(line: ListLine, added: Collection[str]) -> str:
    """`12  nasa  added`, with the reason where there is one. `added`: the verdicts added."""
    from sfm.accounts.list_import import WORDS

    word = "added" if line.verdict == "new" else WORDS[line.verdict]
    if line.verdict == "protected":
        word = f"added, {word}" if "protected" in added else f"not added, {word}"
    name = line.record.name if line.record else line.name
    message = f": {line.message}" if line.message else ""
    return f"{line.number}\t{name}\t{word}{message}"


def _summary(preview: ImportPreview, outcome: ImportOutcome) -> str:
    into = f", {outcome.put_into_set:,} put into the set" if outcome.put_into_set else ""
    return f"{many(len(preview.lines), 'line')}, {outcome.added:,} added{into}."


def _set_for(setname: str, owner: str | None, yes: bool) -> int:
    """The set's number; it is made, after asking, where there is none of this name."""
    from sfm.accounts import sets
    from sfm.cli.users import at_the_terminal
    from sfm.database import begin_write, db

    user = _owner(owner)
    twitter_user_set = sets.find_by_name(user, setname)
    if twitter_user_set is not None:
        return twitter_user_set.id
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(
            f"{user.username} has no set called “{setname}”. Say --yes to make it."
        )
    if not yes:
        click.confirm(f"Make the new set “{setname}” of {user.username}?", abort=True, err=True)
    begin_write()
    with at_the_terminal():
        preview = sets.create(_owner(owner), setname)
    db.session.commit()
    return preview.id


def _owner(name: str | None) -> User:
    """Whose set: the User that was named, the default User, or the only one there is."""
    from sfm.errors import WrongInput
    from sfm.extensions import settings
    from sfm.messages import Message
    from sfm.users import queries, service

    name = name or settings().twitter_default_username
    if name:
        return service.by_name(name)
    user = queries.only_user()
    if user is not None:
        return user
    raise WrongInput(Message("Say with --user whose set it is."))
