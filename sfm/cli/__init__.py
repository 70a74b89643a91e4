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


class Place(NamedTuple):
    """Where a command lives."""

    module: str
    help: str


COMMANDS: dict[str, Place] = {
    "sandbox": Place("sandbox", "Run the sandbox Twitter on a port of its own."),
}


class LazyCommand(click.Command):
    """Stands for a command in listings; the real one is imported when it is run."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, help=place.help, add_help_option=False)
        self.place = place

    @property
    def real(self) -> click.Command:
        module = importlib.import_module(f"sfm.cli.{self.place.module}")
        found: click.Command = getattr(module, (self.name or "").replace("-", "_"))
        return found

    def make_context(self, info_name, args, parent=None, **extra):  # type: ignore[no-untyped-def]
        return self.real.make_context(info_name, args, parent=parent, **extra)

    def invoke(self, ctx):  # type: ignore[no-untyped-def]
        return self.real.invoke(ctx)

    def get_short_help_str(self, limit: int = 45) -> str:
        return self.place.help


def register(app: Flask) -> None:
    """Hang all commands on the app, in both spellings; the hyphenated one is not listed."""
    group: AppGroup = app.cli  # type: ignore[assignment]
    for name, place in COMMANDS.items():
        group.add_command(LazyCommand(name, place))
        if "_" in name:
            twin = LazyCommand(name.replace("_", "-"), place)
            twin.hidden = True
            group.add_command(twin)
