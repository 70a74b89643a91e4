"""Is the site up? For machines; says nothing more."""

from __future__ import annotations

from flask import Blueprint

from sfm.web.access import access

bp = Blueprint("health", __name__)


@bp.get("/health")
@access("public")
def index() -> dict[str, str]:
    return {"status": "ok"}
