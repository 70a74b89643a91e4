"""What this site is, for anybody."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from flask_babel import gettext as _

from sfm.errors import NotFound
from sfm.extensions import settings
from sfm.web.access import access

bp = Blueprint("about", __name__)

LOGO_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}


@bp.get("/about/")
@access("public")
def index() -> str:
    return render_template("about/index.html")


@bp.get("/branding/logo")
@access("public")
def logo() -> Response:
    """The picture that BRANDING names: a file, by its whole path or one in the instance folder."""
    name = str(settings().branding.get("logo") or "")
    file = settings().instance / name
    kind = LOGO_KINDS.get(file.suffix.lower())
    if not name or kind is None or not file.is_file():
        raise NotFound(_("There is no logo here."))
    return Response(file.read_bytes(), mimetype=kind, headers={"Cache-Control": "max-age=3600"})
