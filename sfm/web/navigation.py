"""The menu: an entry shows once its page exists and the reader may open it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for
from flask_babel import lazy_gettext

from sfm.web.access import current_user, rule_of


@dataclass(frozen=True)
class MenuEntry:
    """One line of the menu as it is shown."""

    label: object
    address: str
    is_current: bool


@dataclass(frozen=True)
class MenuGroup:
    """Some lines under one heading."""

    label: object
    entries: tuple[MenuEntry, ...]


MENU: tuple[tuple[object, tuple[tuple[str, object], ...]], ...] = (
    (
        lazy_gettext("Read"),
        (
            ("home.index", lazy_gettext("Home")),
            ("accounts.alpha", lazy_gettext("Accounts")),
            ("sets.index", lazy_gettext("Sets")),
            ("posts.index", lazy_gettext("Posts")),
            ("links.index", lazy_gettext("Links")),
        ),
    ),
    (
        lazy_gettext("Collect"),
        (
            ("filters.index", lazy_gettext("Filters")),
            ("stream_files.index", lazy_gettext("Stream files")),
            ("runs.index", lazy_gettext("Runs")),
            ("exports.index", lazy_gettext("Exports")),
        ),
    ),
    (
        lazy_gettext("Manage"),
        (
            ("status.index", lazy_gettext("Status")),
            ("admin.index", lazy_gettext("Administration")),
        ),
    ),
    ("", (("about.index", lazy_gettext("About")),)),
)
"""Headings, and under each the endpoints with their labels."""

PART_OF = dict.fromkeys(
    ("admin_accounts", "admin_deletions", "admin_list_import", "admin_users", "audit", "jobs"),
    "admin",
)
"""Areas that the menu shows as another one."""


def navigation() -> tuple[MenuGroup, ...]:
    """The menu for the present reader."""
    groups = (MenuGroup(label, _entries(lines)) for label, lines in MENU)
    return tuple(group for group in groups if group.entries)


def _entries(lines: tuple[tuple[str, object], ...]) -> tuple[MenuEntry, ...]:
    area = (request.endpoint or "").split(".")[0]
    area = PART_OF.get(area, area)
    return tuple(
        MenuEntry(label, url_for(endpoint), endpoint.split(".")[0] == area)
        for endpoint, label in lines
        if endpoint in current_app.view_functions and _may_open(endpoint)
    )


def _may_open(endpoint: str) -> bool:
    rule, user = rule_of(endpoint), current_user()
    if rule is None:
        return False
    if rule.who == "superuser":
        return user is not None and user.is_superuser
    return rule.who == "public" or user is not None
