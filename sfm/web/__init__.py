"""Pages. The only package that knows Flask's request, session and templates.

`register` puts all pages into an app; `register_when_asked` waits with that until the first
request comes, so that a command does not pay for pages it never shows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

BLUEPRINTS = (
    "about",
    "accounts",
    "admin",
    "admin_accounts",
    "admin_deletions",
    "admin_list_import",
    "admin_users",
    "audit",
    "auth",
    "csp_reports",
    "exports",
    "filters",
    "health",
    "home",
    "jobs",
    "links",
    "my_profile",
    "posts",
    "runs",
    "sets",
    "status",
    "stream_files",
    "twitter_sign_in",
)
"""Modules of `sfm.web.pages` that hold a blueprint `bp`; a new area of pages adds its name."""


def register(app: Flask) -> None:
    """Bind the extensions that pages need, and every blueprint."""
    from sfm.web import setup

    setup.bind(app, BLUEPRINTS)


def register_when_asked(app: Flask) -> None:
    """Put the pages in when the first request comes, however many threads bring it."""
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app
    lock = threading.Lock()

    def first_request(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with lock:
            if app.wsgi_app is first_request:
                app.wsgi_app = inner  # type: ignore[method-assign]
                register(app)
        return app.wsgi_app(environ, start_response)

    app.wsgi_app = first_request  # type: ignore[method-assign]
