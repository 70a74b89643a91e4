"""Wires the frame that all pages share: extensions, guards, headers, errors, templates."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask, has_request_context, request
from flask_babel import get_locale
from werkzeug.middleware.proxy_fix import ProxyFix

from sfm.config import Settings
from sfm.extensions import settings
from sfm.web import access, errors, headers, request_limits, template_filters, translation
from sfm.web.extensions import babel, csrf, htmx, login_manager

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SESSION_HOURS = 12


def bind(app: Flask, blueprints: Iterable[str]) -> None:
    """Bind everything, in the order in which a request must meet it."""
    with app.app_context():
        current = settings()
    app.config.update(page_config(current))
    _wrap(app, current)
    template_filters.bind(app)
    request_limits.bind(app)
    login_manager.init_app(app, add_context_processor=False)  # templates have our own
    csrf.init_app(app)
    htmx.init_app(app)
    _bind_babel(app)
    translation.bind(app)
    template_filters.bind_counting(app)
    access.bind(app)
    headers.bind(app)
    errors.bind(app)
    app.context_processor(lambda: {"locale": get_locale()})
    for name in blueprints:
        app.register_blueprint(importlib.import_module(f"sfm.web.pages.{name}").bp)


def _wrap(app: Flask, current: Settings) -> None:
    """Put around the app what a request meets before Flask."""
    if current.proxy_hops:
        # Host is left to the proxy's own Host line: a hop that sets no X-Forwarded-Host would
        # hand a reader's own one on.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=current.proxy_hops, x_proto=current.proxy_hops, x_host=0
        )
    app.wsgi_app = HealthByAnyName(  # type: ignore[method-assign]
        app.wsgi_app, next(iter(current.trusted_hosts), "")
    )


def _bind_babel(app: Flask) -> None:
    babel.init_app(
        app,
        default_locale="en",
        locale_selector=language_selector(translation.languages(app)),
        timezone_selector=template_filters.time_zone,
    )


class HealthByAnyName:
    """Lets `/health` answer whatever name it is asked by, so that the machine itself can ask by
    its address. It makes no address of the name, and says nothing of it."""

    def __init__(self, wsgi_app: WSGIApplication, trusted_host: str) -> None:
        self.wsgi_app, self.host = wsgi_app, trusted_host.lstrip(".")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.host and environ.get("PATH_INFO") == "/health":
            environ["HTTP_HOST"] = self.host
        return self.wsgi_app(environ, start_response)


def language_selector(languages: list[str]) -> Callable[[], str]:
    """What chooses a reader's language: the first that the browser asks for and there is."""

    def chosen() -> str:
        if len(languages) == 1 or not has_request_context():
            return languages[0]
        return request.accept_languages.best_match(languages, languages[0]) or languages[0]

    return chosen


def page_config(current: Settings) -> dict[str, object]:
    """Flask's configuration as far as pages go."""
    return {
        "SESSION_COOKIE_NAME": "__Host-sfm" if current.https else "sfm",
        "SESSION_COOKIE_SECURE": current.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=SESSION_HOURS),
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),  # addresses carry the content's hash
        "TRUSTED_HOSTS": list(current.trusted_hosts) or None,
        "PREFERRED_URL_SCHEME": "https" if current.https else "http",
        # A token is as old as its session (12 hours): a form left open over lunch still works.
        "WTF_CSRF_TIME_LIMIT": None,
        # The project's own, and what an installation adds or says in other words.
        "BABEL_TRANSLATION_DIRECTORIES": f"translations;{current.instance / 'translations'}",
    }
