"""Commands for Users and their credentials. A secret is never taken from the command line."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from sfm.users.credentials import NewCredential
    from sfm.users.usage import Usage, UsageLine

KINDS = ("bearer", "oauth1")


def at_the_terminal() -> AbstractContextManager[None]:
    """What this command does is done, for the audit log, by the person logged in here."""
    from sfm import audit

    person = pwd.getpwuid(os.getuid()).pw_name
    return audit.acting_as(audit.Actor(None, f"{person} (command line)"))


@click.command("create_user")
@click.argument("name")
@click.option("--superuser", is_flag=True, help="Make an administrator.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--if-none", is_flag=True, help="Do nothing when there already are Users.")
@with_appcontext
def create_user(name: str, superuser: bool, password_stdin: bool, if_none: bool) -> None:
    """Add the User NAME, who may sign in.

    Without --password-stdin a one-time password is printed, once. It is not kept anywhere, and
    has to be changed when NAME first signs in.
    """
    from sfm.database import begin_write, db
    from sfm.users import service

    password = read_secret("Password") if password_stdin else None
    begin_write()
    if if_none and service.any_user_exists():
        click.echo("There already are Users; nothing was done.", err=True)
        return
    with at_the_terminal():
        created = service.create(name, password, superuser=superuser)
    role = "administrator" if superuser else "User"
    name = created.user.username
    db.session.commit()
    click.echo(f"Added the {role} {name}.")
    if created.one_time_password:
        click.echo(f"One-time password, shown only now: {created.one_time_password}")


@click.command("reset_password")
@click.argument("name")
@with_appcontext
def reset_password(name: str) -> None:
    """Give the User NAME a one-time password, printed once. All sessions of NAME end.

    For administrators who have locked themselves out; others are helped on the Users page.
    """
    from sfm.database import begin_write, db
    from sfm.users import service as users

    begin_write()
    with at_the_terminal():
        password = users.reset_password(users.by_name(name))
    db.session.commit()
    click.echo(f"One-time password, shown only now: {password}")


@click.command("set_rights")
@click.argument("name")
@click.option("--active/--inactive", "active", default=None, help="May sign in, or not.")
@click.option("--administrator/--member", "administrator", default=None, help="May do all, or not.")
@click.option(
    "--installation-token/--no-installation-token",
    "token",
    default=None,
    help="Streams and trials of filters may cost the installation's own app token, or not.",
)
@click.option("--yes", is_flag=True, help="Do not ask before filters are stopped.")
@with_appcontext
def set_rights(
    name: str, active: bool | None, administrator: bool | None, token: bool | None, yes: bool
) -> None:
    """Change what the User NAME may. Filters and exports that stop with it are named before.

    All sessions of NAME end. What is not named here stays as it is.
    """
    from sfm.database import begin_write, db
    from sfm.filters import owners, reconcile
    from sfm.users import service as users

    changes = _changes(
        is_active=active, is_superuser=administrator, installation_token_allowed=token
    )
    if not yes:
        _agree_to_stops(name, changes)
    begin_write()
    with at_the_terminal():
        user = users.by_name(name)
        change = owners.set_rights(user, replace(users.rights_of(user), **changes))
    db.session.commit()
    reconcile.apply()
    click.echo("Saved." if change.changed else "No change.")
    if change.stopped:
        click.echo(owners.stop_sentence(change.stopped))


def _changes(**options: bool | None) -> dict[str, bool]:
    return {name: value for name, value in options.items() if value is not None}


def _agree_to_stops(name: str, changes: dict[str, bool]) -> None:
    """Name what stops, and ask; ends the command where the answer is no."""
    from sfm.database import db
    from sfm.exports import recurring
    from sfm.filters import owners
    from sfm.users import service as users

    user = users.by_name(name)
    rights = replace(users.rights_of(user), **changes)
    names = [owners.name_of(twitter_filter) for twitter_filter in owners.stopped_by(user, rights)]
    if user.is_active and not rights.is_active:
        names += [recurring.name_of(export) for export in recurring.repeated_of(user)]
    db.session.rollback()
    if names:
        click.echo("This stops:\n" + "\n".join(f"  {stopped}" for stopped in names), err=True)
        click.confirm("Go on?", abort=True, err=True)


@click.command("set_credential")
@click.argument("user")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="bearer",
    show_default=True,
    help="What the secret is.",
)
@click.option("--label", default="", help="A name by which people know it, such as the app's.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="The file that holds the secret; without it, standard input.",
)
@with_appcontext
def set_credential(user: str, kind: str, label: str, path: Path | None) -> None:
    """Keep a credential for USER, encrypted: an app's bearer token, or an access token.

    The secret is read from standard input or a file: the bearer token alone, or, with
    --kind oauth1, the access token and on the next line its secret.
    """
    from sfm.database import begin_write, db
    from sfm.users import credentials
    from sfm.users import service as users

    text = path.read_text(encoding="utf-8", errors="replace") if path else read_secret("Secret")
    new = _credential(kind, text, label)
    begin_write()
    owner = users.by_name(user)
    with at_the_terminal():
        credentials.save(owner, new)
    name = owner.username
    db.session.commit()
    click.echo(f"Kept the {credentials.WORDS_FOR_KIND[kind]} for {name}.")


def _credential(kind: str, text: str, label: str) -> NewCredential:
    from sfm.errors import WrongInput
    from sfm.messages import Message
    from sfm.users import credentials

    if kind == "bearer":
        return credentials.bearer(text, label)
    lines = text.split()
    if len(lines) != 2:
        raise WrongInput(
            Message("Two lines are needed: the access token, and below it its secret.")
        )
    return credentials.oauth1(lines[0], lines[1], label)


def read_secret(what: str) -> str:
    """A secret from standard input; on a terminal it is asked for and not shown."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True))
    return sys.stdin.buffer.read().decode("utf-8", "replace").strip("\r\n")


@click.command("show_usage")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=31,
    show_default=True,
    help="How many days to list.",
)
@with_appcontext
def show_usage(days: int) -> None:
    """Show what was read from Twitter: per credential, this month and day by day (UTC)."""
    from datetime import timedelta

    from sfm import clock
    from sfm.users.credentials import names_by_fingerprint
    from sfm.users.usage import month_start, usage_lines, usage_per_credential

    names = names_by_fingerprint()
    month = usage_per_credential(month_start(clock.now()))
    click.echo(f"This month (since {month_start(clock.now())}, UTC)")
    _table(
        ("credential", "calls", "posts", "users"),
        [(names.get(mark, mark[:12]), *_numbers(read)) for mark, read in sorted(month.items())],
    )
    click.echo(f"\nDay by day, the last {days} days")
    lines = usage_lines(clock.now().date() - timedelta(days=days - 1))
    _table(
        ("day", "credential", "endpoint", "calls", "posts", "users"),
        [_day_row(line, names) for line in lines],
    )


def _day_row(line: UsageLine, names: Mapping[str, str]) -> tuple[str, ...]:
    name = names.get(line.fingerprint, line.fingerprint[:12])
    return str(line.day), name, line.endpoint, *_numbers(line.usage)


def _numbers(usage: Usage) -> tuple[str, str, str]:
    return f"{usage.calls:,}", f"{usage.posts:,}", f"{usage.users:,}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as what is in them; the last three, numbers, to the right."""
    if not rows:
        click.echo("Nothing was read.")
        return
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    for row in [heads, *rows]:
        cells = [
            cell.rjust(width) if n >= len(heads) - 3 else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


@click.command("check_credentials")
@click.option("--user", help="Only this User's.")
@click.pass_context
@with_appcontext
def check_credentials(context: click.Context, user: str | None) -> None:
    """Ask Twitter about every kept credential, and say what is wrong with it.

    Exit code 1 if one does not work. X may bill one user read for each.
    """
    from sfm.users import credentials
    from sfm.users import service as users
    from sfm.users.credential_check import check

    kept_credentials = (
        credentials.of_user(users.by_name(user)) if user else credentials.all_credentials()
    )
    if not kept_credentials:
        click.echo("No credential is kept yet.", err=True)
    fine = True
    for credential in kept_credentials:
        what = credential.label or credentials.WORDS_FOR_KIND[credential.kind]
        name = f"{credential.user.username}: {what}"
        result = check(credential)
        fine = fine and result.works
        click.echo(f"{'works ' if result.works else 'FAILS '} {name}: {result.message}")
    if not fine:
        context.exit(1)


@click.command("rotate_keys")
@click.option("--forget-old", is_flag=True, help="Make no new key, but forget all older ones.")
@with_appcontext
def rotate_keys(forget_old: bool) -> None:
    """Make a new key and encrypt every kept credential with it.

    The older keys stay in the key file, so that what another process is just writing can still
    be read. Run it with --forget-old some minutes later: that encrypts what is left with the
    newest key and drops the others. With keys from the setting CREDENTIAL_KEYS, put the new one
    first there, restart, then run this.
    """
    from sfm.users import key_rotation

    with at_the_terminal():
        done = key_rotation.delete_old_keys() if forget_old else key_rotation.rotate()
    click.echo(f"Credentials encrypted anew: {done.credentials}. Key in use: {done.key_id}.")
    if done.forgotten:
        click.echo(f"Older keys forgotten: {done.forgotten}.")
    elif done.older_keys:
        click.echo(
            f"Older keys still kept: {done.older_keys}. In some minutes run: "
            "flask --app app rotate_keys --forget-old"
        )
