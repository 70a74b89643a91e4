"""What this site is, for anybody."""

from __future__ import annotations

from flask import Blueprint, render_template

from sfm.web.access import access

bp = Blueprint("about", __name__)


@bp.get("/about/")
@access("public")
def index() -> str:
    return render_template("about/index.html")
