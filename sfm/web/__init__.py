"""Pages. The only package that knows Flask's request, session and templates."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Bind the extensions that pages need, and every blueprint."""
