"""What browsers report: breaches of the content security policy, into the log."""

from __future__ import annotations

import json
import logging

from flask import Blueprint, Response, request

from sfm.web.access import access
from sfm.web.extensions import csrf
from sfm.web.headers import REPORTS

logger = logging.getLogger(__name__)
bp = Blueprint("csp_reports", __name__)

MAX_REPORT_BYTES = 16 * 1024
SHOWN = ("violated-directive", "effectiveDirective", "blocked-uri", "blockedURL", "document-uri")


@bp.post(REPORTS)
@csrf.exempt
@access("public", max_bytes=MAX_REPORT_BYTES, begins_write=False)
def csp() -> Response:
    body = request.get_json(force=True, silent=True)
    for report in body if isinstance(body, list) else [body]:
        _log(report)
    return Response(status=204)


def _log(report: object) -> None:
    if not isinstance(report, dict):
        return
    body = report.get("csp-report") or report.get("body")
    if isinstance(body, dict):
        shown = {name: str(body[name])[:200] for name in SHOWN if name in body}
        # json.dumps writes control characters as escapes: nobody can forge a line of the log.
        logger.warning("content security policy breached report=%s", json.dumps(shown))
