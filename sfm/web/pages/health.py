"""Is the site up? For machines; says nothing more."""

from __future__ import annotations

import logging

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from sfm.database import check_connection
from sfm.web.access import access

logger = logging.getLogger(__name__)
bp = Blueprint("health", __name__)


@bp.get("/health")
@access("public")
def index() -> tuple[dict[str, str], int]:
    try:
        check_connection()
    except SQLAlchemyError:
        logger.exception("health: the database does not answer")
        return {"status": "not ok"}, 503
    return {"status": "ok"}, 200
