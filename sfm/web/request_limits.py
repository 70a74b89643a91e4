"""How much one request may bring, and characters that no database can hold."""

from __future__ import annotations

from flask import Flask, abort, request
from werkzeug.routing import Map
from werkzeug.routing.converters import NumberConverter

from sfm.networks.record import MAX_ID
from sfm.web.access import rule_of

BODY_BYTES = 1024 * 1024


class IdConverter(NumberConverter):
    """`<id:tweet_id>`: a whole number that a database can hold; anything else is a 404."""

    regex = r"[0-9]{1,19}"
    num_convert = int

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_ID)


def possible_id(text: str) -> int:
    """For `type=` where a form or an address names a thing by number.

    Raises ValueError for what no row can have, so that it counts as not said: SQLite's driver
    breaks off at a number above 2**63 - 1.
    """
    number = int(text)
    if not 0 < number <= MAX_ID:
        raise ValueError(text[:40])
    return number


def bind(app: Flask) -> None:
    """Set the limits, before anything reads the body."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = BODY_BYTES
    app.url_map.converters["id"] = IdConverter
    app.before_request(_room_for_this_page)
    app.before_request(_refuse_nul_in_address)


def _room_for_this_page() -> None:
    """Pages that take uploads say so in their access rule; all others take BODY_BYTES."""
    rule = rule_of(request.endpoint)
    if rule is not None and rule.max_bytes:
        request.max_content_length = rule.max_bytes
        request.max_form_memory_size = rule.max_bytes


def _refuse_nul_in_address() -> None:
    """PostgreSQL refuses NUL in text, and no address of ours has a use for it."""
    values = [value for key, value in request.args.items(multi=True)]
    if any("\x00" in value for value in [request.path, *request.args.keys(), *values]):
        abort(400, description="The address holds a character (NUL) that means nothing here.")
