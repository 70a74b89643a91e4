"""Where to go afterwards: only addresses of this site are accepted."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import request

from sfm.web.extensions import htmx

OWN = re.compile(r"/(?![/\\])[^\x00-\x20\x7f-\xa0\\\u2028\u2029]*", re.ASCII)


def safe_next(address: str | None, otherwise: str = "/") -> str:
    """The address if it is a path on this site, else another one.

    Browsers read `//`, `/\\` and control characters after the first slash as the start of a
    foreign host, and drop tabs and line ends before they look.
    """
    if not address or not OWN.fullmatch(address):
        return otherwise
    try:
        parts = urlsplit(address)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else address


def here() -> str:
    """The page that the reader looks at, as a path: for fragments, the page around them."""
    if htmx and htmx.current_url:
        parts = urlsplit(htmx.current_url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return safe_next(path)
    if request.method != "GET":
        return safe_next(request.path)
    return safe_next(request.full_path.rstrip("?"))
