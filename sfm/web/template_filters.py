"""Filters and globals of templates: times in the reader's zone, numbers, sizes, addresses."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from flask import Flask, current_app, request, url_for
from flask_babel import format_date, format_datetime, format_decimal, get_locale, gettext
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from sfm import __version__, clock
from sfm.config import Settings
from sfm.extensions import settings
from sfm.models.account import UNKNOWN_AUTHOR
from sfm.runs import presence
from sfm.web.access import current_user
from sfm.web.navigation import navigation

NOTHING = "–"
DEFAULT_ROOT = Settings.twitter_api_root


def bind(app: Flask) -> None:
    """Give all templates our filters and names."""
    for function in (
        iso_moment, moment, day, day_text, number, size, handle, web_address, language, first_upper,
    ):  # fmt: skip
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals.update(
        asset=asset,
        has_page=has_page,
        navigation=navigation,
        version=__version__,
        with_args=with_args,
        work_notice=presence.notice,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(_site)


def _site() -> dict[str, object]:
    current = settings()
    root = current.twitter_api_root
    return {
        "branding": current.branding,
        "brand": current.branding.get("institution") or "Social Feed Manager",
        "api_root": root,
        "other_api_root": root if root != DEFAULT_ROOT else "",
    }


def time_zone() -> str:
    """The zone in which times are shown to the present reader."""
    user = current_user()
    zone = user.time_zone if user is not None and user.time_zone else "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):  # a zone that this machine no longer knows
        return "UTC"
    return zone


def moment(value: datetime | None, pattern: str = "d MMM y, HH:mm") -> str | Markup:
    """A moment in the reader's zone; UTC on hover and for machines."""
    if value is None:
        return NOTHING
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        clock.iso(value),
        value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        format_datetime(value, pattern),
    )


def iso_moment(value: str) -> str | Markup:
    """A moment that is kept as ISO text."""
    try:
        return moment(clock.parse_iso(value))
    except ValueError:
        return value


def day(value: date | None, pattern: str = "d MMM y") -> str | Markup:
    """A calendar day (UTC days stay what they are)."""
    if value is None:
        return NOTHING
    return Markup('<time datetime="{}">{}</time>').format(
        value.isoformat(), format_date(value, pattern, rebase=False)
    )


def day_text(value: date, pattern: str = "d MMM y") -> str:
    """A calendar day where no markup may be, as in a picture's text."""
    return str(format_date(value, pattern, rebase=False))


def number(value: float | None) -> str:
    """A figure with its thousands apart; a dash where there is none."""
    return NOTHING if value is None else str(format_decimal(value))


def size(value: int | None) -> str:
    """Bytes in the unit that fits."""
    if value is None:
        return NOTHING
    amount, unit = float(value), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def language(code: str) -> str:
    """The language that Twitter's code means, in the reader's own; the code where none is known."""
    try:
        spoken = Locale.parse(code.replace("-", "_")).get_display_name(get_locale())
    except (ValueError, UnknownLocaleError):
        return code
    return spoken or code


def first_upper(words: str) -> str:
    """The words with a capital first letter; all others stay, as names and German nouns need."""
    return words[:1].upper() + words[1:]


def bind_counting(app: Flask) -> None:
    """Let `%(num)s` of ngettext in templates be written as `number` writes it."""
    plain = app.jinja_env.globals["ngettext"]

    @pass_context
    def counting(context: Context, singular: str, many: str, num: int, **more: Any) -> str:
        return str(plain(context, singular, many, num, **{"num": number(num), **more}))  # type: ignore[operator]

    app.jinja_env.globals["ngettext"] = counting


def handle(name: str) -> Markup:
    """A Twitter name with its @, kept apart from what stands around it.

    A name in brackets is none: the account's uid, or of no account at all.
    """
    if name == UNKNOWN_AUTHOR:
        return Markup("<bdi>{}</bdi>").format(gettext("author unknown"))
    if name.startswith("("):
        return Markup("<bdi>{}</bdi>").format(gettext("account %(uid)s", uid=name.strip("()")))
    return Markup("<bdi>@{}</bdi>").format(name)


def web_address(value: str | None) -> str:
    """The address if it leads to a web page, else nothing: `javascript:` must not be a link."""
    try:
        parts = urlsplit((value or "").strip())
    except ValueError:
        return ""
    return (value or "").strip() if parts.scheme in {"http", "https"} and parts.netloc else ""


_hashes: dict[tuple[str, int], str] = {}


def asset(name: str) -> str:
    """The address of a static file, which changes with its content."""
    path = Path(current_app.static_folder or "") / name
    key = (name, path.stat().st_mtime_ns)
    if key not in _hashes:
        _hashes[key] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return url_for("static", filename=name, v=_hashes[key])


def with_args(**changes: str | int | None) -> str:
    """The present address with some of its query changed; None takes a part out.

    The query is not handed to url_for: parts of it could be called as its own arguments are.
    """
    query: dict[str, list[str]] = request.args.to_dict(flat=False)
    for key, value in changes.items():
        if value is None:
            query.pop(key, None)
        else:
            query[key] = [str(value)]
    path = url_for(request.endpoint or "home.index", **(request.view_args or {}))
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def has_page(endpoint: str) -> bool:
    """Whether the present app has such a page."""
    return endpoint in current_app.view_functions
