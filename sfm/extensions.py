"""The extensions that commands and pages share, and the settings of the present app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from flask import Flask, current_app
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from sfm.config import Settings


def settings() -> Settings:
    """The settings of the present app."""
    app_settings: Settings = current_app.extensions["sfm_settings"]
    return app_settings


def bind_migrations(app: Flask, database: Any, folder: str) -> None:
    """Make `flask db` and Flask-Migrate's functions work, without importing Alembic before.

    Alembic takes longer to import than Flask; only what migrates should pay for it.
    """

    def bound() -> Any:
        from flask_migrate import Migrate

        Migrate(app, database, directory=folder, render_as_batch=True)  # takes the place of both
        return app.extensions["migrate"]

    app.extensions["migrate"] = LocalProxy(bound)
    app.cli.add_command(LazyMigrations(bound), name="db")


class LazyMigrations(click.Group):
    """Flask-Migrate's `db` group, imported when it is looked into."""

    def __init__(self, bind: Any) -> None:
        super().__init__("db", help="Migrations of the database, for developers.")
        self.bind = bind

    @property
    def real(self) -> click.Group:
        self.bind()
        from flask_migrate.cli import db

        group: click.Group = db
        return group

    def make_context(self, info_name, args, parent=None, **extra):  # type: ignore[no-untyped-def]
        return self.real.make_context(info_name, args, parent=parent, **extra)
