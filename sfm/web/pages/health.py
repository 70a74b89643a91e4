"""Is the site up? For machines; says nothing more."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from sfm.database import check_connection, outage_log
from sfm.web.access import access

bp = Blueprint("health", __name__)


@bp.get("/health")
@access("public")
def index() -> tuple[dict[str, str], int]:
    try:
        check_connection()
    except SQLAlchemyError as exc:
        outage_log().record(exc)
        return {"status": "not ok"}, 503
    return {"status": "ok"}, 200
