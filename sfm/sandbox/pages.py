"""The few HTML pages of the sandbox. They need no JavaScript and load nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.wrappers import Response

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
.banner { margin: 0; padding: .5rem 1rem; background: #7a4b00; color: #fff; }
select, button { font: inherit; padding: .4rem .8rem; max-width: 100%; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; }
"""
_pages = Environment(
    loader=PackageLoader("sfm.sandbox"), autoescape=True, undefined=StrictUndefined
)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """One of the pages in templates/."""
    response = Response(_pages.get_template(template).render(**values), status)
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
    response.headers["Cache-Control"] = "no-store"
    return response


def style() -> Response:
    """The style sheet of all pages."""
    return Response(_STYLE, content_type="text/css; charset=utf-8")
