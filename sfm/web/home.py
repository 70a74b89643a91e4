"""The first page: what is here, and what came in lately."""

from __future__ import annotations

from flask import Blueprint, render_template

from sfm.web.access import access

bp = Blueprint("home", __name__)


@bp.get("/")
@access("signed_in")
def index() -> str:
    return render_template("home/index.html")
