"""Headers of every answer: what browsers may do with our pages, and who may keep them."""

from __future__ import annotations

import base64

from flask import Flask, Response, g, request
from flask.wrappers import Response as FlaskResponse

from sfm.web.access import current_user

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # Flask-WTF wants a referrer on HTTPS
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
REPORTS = "/csp-report"  # fixed: for an untrusted Host no address can be made
HSTS = "max-age=31536000"


def allow_form_to(origin: str) -> None:
    """Let a form of the present page lead to another site, as signing in with Twitter does."""
    g.form_origins = [*getattr(g, "form_origins", []), origin]


def bind(app: Flask) -> None:
    """Put the headers on every answer, error pages and static files included."""
    app.after_request(_add)


def _add(response: FlaskResponse) -> Response:
    for name, value in FIXED.items():
        response.headers.setdefault(name, value)
    response.headers["Content-Security-Policy"] = policy()
    response.headers["Reporting-Endpoints"] = f'csp="{REPORTS}"'
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    if response.mimetype == "text/html":
        response.vary.add("HX-Request")
    if request.endpoint != "static" and _is_personal(response):
        response.headers["Cache-Control"] = "no-store"
    return response


def policy() -> str:
    """The content security policy of the present answer."""
    parts = dict(POLICY)
    parts["form-action"] = " ".join(["'self'", *getattr(g, "form_origins", [])])
    lines = [f"{name} {value}" for name, value in parts.items()]
    return "; ".join([*lines, f"report-uri {REPORTS}", "report-to csp"])


def _is_personal(response: FlaskResponse) -> bool:
    return response.mimetype == "text/html" or current_user() is not None


def add_digest(answer: FlaskResponse, sha256: str) -> None:
    """Have an answer tell the SHA-256 (hexadecimal) of the file it holds. Source: RFC 9530."""
    digest = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
    answer.headers["Repr-Digest"] = f"sha-256=:{digest}:"
