"""The commands of `flask --app app`. Each is imported only when it is called or asked for help.

COMMANDS names them all: the name as typed, the module that holds it, and one line of help.
Names are typed with underscores or hyphens alike.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click
from flask import Flask
from flask.cli import AppGroup

from sfm.errors import SfmError, WrongInput

NO_TABLES = "The database is not up to date: run `make migrate`, then try again."

DATABASE_AWAY = (
    "The database is busy or cannot be reached. Try again in a minute; if it goes on, look whether "
    "it runs and what SFM_DATABASE_URL says."
)


class CommandEntry(NamedTuple):
    """Where a command lives."""

    module: str
    help: str


COMMANDS: dict[str, CommandEntry] = {
    "user_timeline": CommandEntry(
        "timelines", "Collect new posts of all active accounts, or of one."
    ),
    "update_usernames": CommandEntry("timelines", "Look active accounts up; take over new names."),
    "add_userlist": CommandEntry("accounts", "Add the accounts of a list, one name a line."),
    "confirm_gone": CommandEntry(
        "accounts", "Enter accounts as gone that Twitter called gone, many at once."
    ),
    "demo": CommandEntry("demo", "Show a whole collection against the sandbox."),
    "populate_uids": CommandEntry("timelines", "Deprecated: fill in missing uids."),
    "import_tweets": CommandEntry("imports", "Import posts that are held in files already."),
    "fetch_tweets_by_id": CommandEntry("posts", "Look posts up by their ids; JSON lines out."),
    "refill_items": CommandEntry("posts", "Make what is stored of posts anew from their JSON."),
    "check_counts": CommandEntry(
        "posts", "Compare the kept counts with a full count; correct them."
    ),
    "remove_tweet": CommandEntry("takedown", "Delete posts from everything kept here, for good."),
    "fetch_urls": CommandEntry("links", "Follow the links of posts to where they lead."),
    "create_user": CommandEntry("users", "Add a User, an administrator with --superuser."),
    "reset_password": CommandEntry("users", "Give a User a one-time password."),
    "set_rights": CommandEntry("users", "Change what a User may; says before what stops."),
    "set_credential": CommandEntry(
        "users", "Keep a credential for a User, read from stdin or a file."
    ),
    "show_usage": CommandEntry("users", "Show what was read from Twitter, per credential and day."),
    "check_credentials": CommandEntry("users", "Ask Twitter whether the kept credentials work."),
    "rotate_keys": CommandEntry("users", "Encrypt all kept credentials with a new key."),
    "export": CommandEntry(
        "exports", "Export posts of an account, a set, a list, stream files, or all."
    ),
    "work": CommandEntry("work", "Do what pages have asked for, where no scheduler runs."),
    "use_sandbox": CommandEntry("setup", "Speak to the sandbox where no Twitter key is set."),
    "migrate_database": CommandEntry("database", "Bring the database up to date, after a copy."),
    "sandbox": CommandEntry("sandbox", "Run the sandbox Twitter on a port of its own."),
    "filterstream": CommandEntry("streams", "Collect the stream of a filter."),
    "streamsample": CommandEntry("streams", "Collect Twitter's sample of all posts."),
    "organizedata": CommandEntry("streams", "Move finished stream files into folders by hour."),
    "createconf": CommandEntry(
        "supervisor", "Write supervisord's configuration of the active filters."
    ),
    "supervisor_config": CommandEntry(
        "supervisor", "Write the configuration of our own supervisord."
    ),
}


class Sentence(click.ClickException):
    """Expected trouble: one sentence on stderr and an exit code, no traceback."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance


class LazyCommand(click.Command):
    """Stands for a command in listings; the real one is imported when it is run."""

    def __init__(self, name: str, place: CommandEntry) -> None:
        super().__init__(name, help=place.help, add_help_option=False)
        self.place = place

    @property
    def real(self) -> click.Command:
        module = importlib.import_module(f"sfm.cli.{self.place.module}")
        command: click.Command = getattr(module, (self.name or "").replace("-", "_"))
        return command

    def make_context(self, info_name, args, parent=None, **extra):  # type: ignore[no-untyped-def]
        context = self.real.make_context(info_name, args, parent=parent, **extra)
        context.command = self  # so that `invoke` below is called
        return context

    def invoke(self, ctx):  # type: ignore[no-untyped-def]
        try:
            return self.real.invoke(ctx)
        except WrongInput as exc:
            raise Sentence(exc.message, exit_code=2) from exc
        except SfmError as exc:
            raise Sentence(exc.message, exit_code=1) from exc
        except Exception as exc:
            sentence = _database_trouble(exc)
            if not sentence:
                raise
            raise Sentence(sentence, exit_code=1) from exc

    def get_usage(self, ctx: click.Context) -> str:
        return self.real.get_usage(ctx)

    def get_short_help_str(self, limit: int = 45) -> str:
        return self.place.help


def _database_trouble(exc: Exception) -> str:
    """What to say of an error of the database; empty for other errors.

    Told by words, so that the command line need not import SQLAlchemy's errors.
    """
    if not type(exc).__module__.startswith("sqlalchemy"):
        return ""
    if "no such table" in str(exc) or "UndefinedTable" in str(exc):
        return NO_TABLES
    return DATABASE_AWAY if type(exc).__name__ in ("OperationalError", "TimeoutError") else ""


def register(app: Flask) -> None:
    """Register all commands with the app, in both spellings; the hyphenated one is not listed."""
    group: AppGroup = app.cli  # type: ignore[assignment]
    for name, place in COMMANDS.items():
        group.add_command(LazyCommand(name, place))
        if "_" in name:
            twin = LazyCommand(name.replace("_", "-"), place)
            twin.hidden = True
            group.add_command(twin)
