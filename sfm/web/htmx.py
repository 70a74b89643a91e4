"""Whole page or fragment: the one place that decides, and the answers that only htmx reads."""

from __future__ import annotations

import json
from typing import Literal, TypeVar

from flask import Response, flash, make_response, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from sfm.web.extensions import htmx
from sfm.web.translation import translate

Answer = TypeVar("Answer", bound=BaseResponse)
Level = Literal["info", "success", "warning", "error"]


def wants_part() -> bool:
    """True where a fragment is asked for; a page that is opened or restored is asked whole."""
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page_or_part(page: str, part: str, status: int = 200, **context: object) -> Response:
    """The page, or the fragment of it that htmx asked for."""
    name = part if wants_part() else page
    return make_response(render_template(name, **context), status)


def toast(response: Answer, message: str, level: Level = "success") -> Answer:
    """The answer, with a short message that the page shows beside it."""
    shown = {"level": level, "message": translate(message)}
    response.headers["HX-Trigger"] = json.dumps({"toast": shown})
    return response


def done(address: str, message: str, level: Level = "success") -> BaseResponse:
    """After a form: go on to a page, with a message there. Plain 303, or htmx's own redirect."""
    flash(translate(message), level)
    if wants_part():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)
