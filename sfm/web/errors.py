"""Every error as a page that says what happened and what to do, with a number to quote."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from sfm.database import AWAY_ERRORS, db, outage_log
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.web.extensions import htmx
from sfm.web.forms import harmless_fields
from sfm.web.htmx import toast
from sfm.web.translation import translate

logger = logging.getLogger(__name__)

FAILSAFE = (
    "<!doctype html><html lang=en><title>Something went wrong</title>"
    "<h1>Something went wrong</h1><p>The page could not be made. Please try again in a minute, "
    "and if it goes on, tell whoever looks after this site the number {number}.</p>"
)


def titles() -> dict[int, tuple[str, str]]:
    """Headline and sentence for each status."""
    return {
        400: (_("That request makes no sense here"), _("Go back, reload the page and try again.")),
        401: (_("Please sign in"), _("This page is for people who are signed in.")),
        403: (_("Not for you"), _("Ask an administrator if you need this page.")),
        404: (_("Nothing here"), _("It may have been removed, renamed, or never existed.")),
        405: (_("That cannot be done at this address"), _("Go back and use the page's own form.")),
        409: (_("That cannot be done now"), ""),
        413: (_("That is too large"), _("Send it in smaller pieces.")),
        422: (_("That cannot be used"), _("Go back and change what was typed.")),
        429: (_("Too many tries"), _("Wait a few minutes, then try again.")),
        500: (_("Something went wrong"), _("It has been noted. Try again in a minute.")),
        503: (_("Not available just now"), _("Try again in a minute.")),
    }


def bind(app: Flask) -> None:
    """Answer every error with a page of ours."""
    app.register_error_handler(CSRFError, _token_missing)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SfmError, _expected)
    for error in AWAY_ERRORS:
        app.register_error_handler(error, _database_away)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, sentence: str = "", **more: Any) -> Response:
    """The error page, or for htmx a bare status with a message beside it."""
    number = secrets.token_hex(4)
    title, advice = titles().get(status) or titles()[400 if status < 500 else 500]
    if not g.get("database_away"):  # that is logged once for many pages
        logger.info("error page status=%d number=%s path=%r", status, number, request.path)
    message = translate(sentence) or advice
    if htmx:
        text = f"{title}. {message}" if not sentence else message
        # A 422 is swapped in, as forms come back with it: this one has nothing to put there.
        bare = Response(status=status, mimetype="text/html", headers={"HX-Reswap": "none"})
        return toast(bare, text, "error")
    page = render_template(
        "errors/error.html", status=status, title=title, message=message, number=number, **more
    )
    return make_response(page, status)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, SecurityError):  # an untrusted Host: no address of ours can be made
        return Response(
            "This site does not answer to that address. If it should, its administrator adds "
            "the name to the setting TRUSTED_HOSTS.\n",
            status,
            mimetype="text/plain",
        )
    own_words = type(error).description != error.description
    response = answer(status, str(error.description) if own_words and error.description else "")
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _token_missing(error: CSRFError) -> Response:
    """A form without a token that fits: nothing was done. Texts that took work are shown again.

    Only fields that their forms declare harmless, and only to a page of ours: else a password
    would be on the page, or any site could have its own words shown at our address.
    """
    harmless = harmless_fields() if _comes_from_here() else set()
    typed = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if value.strip() and name in harmless
    ]
    sentence = _(
        "The form was opened in a session that has ended, so nothing was saved. "
        "Reload the page, sign in if asked, and send it again."
    )
    return answer(400, sentence, typed=typed)


def _comes_from_here() -> bool:
    """Whether the browser says that a page of this very host sent the form."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin") or request.headers.get("Referer") or ""
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


def _expected(error: SfmError) -> Response:
    db.session.rollback()
    if isinstance(error, NotFound):
        return answer(404, error.message)
    if isinstance(error, WrongInput):
        return answer(422, error.message)
    return answer(409 if error.permanent else 503, error.message)


def _database_away(error: Exception) -> Response:
    """The page is made as for nobody: who is signed in stands in the database."""
    outage_log().record(error)
    g.database_away = True
    sentence = _("The database is busy or cannot be reached. Try again in a minute.")
    try:
        db.session.rollback()
        return answer(503, sentence)
    except Exception as second:
        logger.error("error page failed cause=%s", type(second).__name__)
        return Response(FAILSAFE.format(number=secrets.token_hex(4)), 503, mimetype="text/html")


def _unexpected(error: Exception) -> Response:
    """A fault of ours. The page is tried once; if that fails too, a fixed one is sent."""
    number = secrets.token_hex(4)
    logger.error("unexpected error number=%s path=%r", number, request.path, exc_info=error)
    try:
        db.session.rollback()
        if htmx:
            return answer(500)
        title, advice = titles()[500]
        page = render_template(
            "errors/error.html", status=500, title=title, message=advice, number=number
        )
        return make_response(page, 500)
    except Exception as second:
        logger.error("error page failed number=%s", number, exc_info=second)
        return Response(FAILSAFE.format(number=number), 500, mimetype="text/html")
