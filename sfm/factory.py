"""Puts an app together: wiring only. Imported by app.py, wsgi.py and the tests."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click
from flask import Flask

from sfm import cli, clock, config, extensions, instance, web
from sfm.config import Settings
from sfm.database import db, engine_options, hide_values_in_errors, listen_to_sqlite
from sfm.errors import BadSetting
from sfm.messages import Message
from sfm.supervisord.conf import NEEDS_PERSON
from sfm.supervisord.final_exit import wait_for_final_exit
from sfm.supervisord.parent_death import end_with_parent

MIGRATIONS = str(Path(__file__).resolve().parent.parent / "migrations")


def create_app(settings: Settings | None = None, *, for_commands: bool = False) -> Flask:
    """An app with these settings, or with the environment's. Raises BadSetting.

    `for_commands`: the pages are put in when a request comes, if one ever does.
    """
    settings = settings or config.from_env()
    instance.prepare(settings)
    app = Flask("sfm", instance_path=str(settings.instance.absolute()))
    app.extensions["sfm_settings"] = settings
    app.extensions["sfm_create_app"] = create_app  # for the demo, which makes an app of its own
    app.config.from_mapping(flask_config(settings))
    db.init_app(app)
    with app.app_context():
        listen_to_sqlite(db.engine)
        hide_values_in_errors(db.engine)
    extensions.bind_migrations(app, db, MIGRATIONS)
    (web.register_when_asked if for_commands else web.register)(app)
    cli.register(app)
    return app


def app_from_env(*, for_commands: bool = False) -> Flask:
    """The app for the command line and for servers: a bad setting is one sentence and exit 2, or 3
    for a collector: a person is needed, and supervisord does not start it again. Commands that
    supervisord runs end with it."""
    begun = clock.monotonic()
    if for_commands and config.supervised_as():
        end_with_parent()
    try:
        settings = config.from_env()
        start_log(settings)
        app = create_app(settings, for_commands=for_commands and not _lists_routes())
        refuse_public_debugging(app)
        return app
    except BadSetting as exc:
        sys.stderr.write(f"Error: the setting {exc.message}.\n")
        code = NEEDS_PERSON if for_commands and config.supervised_as() else 2
        wait_for_final_exit(code, begun)
        sys.exit(code)


def _lists_routes() -> bool:
    """Whether the command is `flask routes`, which shows what is there and asks for no page."""
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name == "routes"


def refuse_public_debugging(app: Flask) -> None:
    """Raises BadSetting: the debugger runs whatever a visitor types. It may only be had with
    `flask run` on an address that nobody else reaches."""
    if not app.debug:
        return
    context = click.get_current_context(silent=True)
    host = context.params.get("host") if context else None
    if context is None or (host is not None and host not in ("127.0.0.1", "::1", "localhost")):
        raise BadSetting("FLASK_DEBUG", Message("must be off where others can reach the pages"))


class OneLine(logging.Formatter):
    """Keeps an entry in one line, so that no text from outside can forge a second one. A
    traceback follows below, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)

    def formatException(self, ei: Any) -> str:
        return "\n".join(f"    {line}" for line in super().formatException(ei).splitlines())


def start_log(settings: Settings) -> None:
    """Log to stderr as the settings say; libraries only from warnings upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level="WARNING", handlers=[handler])
    logging.getLogger("sfm").setLevel(settings.log_level)


def flask_config(settings: Settings) -> dict[str, object]:
    """Flask's own configuration, out of ours."""
    return {
        "SECRET_KEY": instance.secret_key(settings),
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks) or None,
        "SQLALCHEMY_DATABASE_URI": settings.database,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database, settings.database_threads),
        "MAX_CONTENT_LENGTH": 1024 * 1024,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
    }
