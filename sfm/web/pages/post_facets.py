"""The choices beside a list of posts: each a link that narrows the list, with its count."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from sfm.posts.facets import Facet, Facets
from sfm.posts.selection import Selection
from sfm.web.template_filters import handle

KINDS = {
    "post": _l("Posts"),
    "retweet": _l("Retweets"),
    "reply": _l("Replies"),
    "quote": _l("Quotes"),
}


KIND_WORDS = {
    "post": _l("post"),
    "retweet": _l("retweet"),
    "reply": _l("reply"),
    "quote": _l("quote"),
}


@dataclass(frozen=True)
class FacetChoice:
    """One value: what it is called, where it leads, how many posts it has."""

    label: str
    address: str
    posts: int


@dataclass(frozen=True)
class FacetGroup:
    """The choices of one kind."""

    title: str
    choices: tuple[FacetChoice, ...]


def groups(selection: Selection, counted: Facets) -> list[FacetGroup]:
    """What the list can be narrowed by; not by what is chosen or the same for all."""
    args = selection.to_args()
    made = [
        _group(_("Kind"), args, "kind", counted.kinds, KINDS),
        _group(_("Month (UTC)"), args, "month", counted.months, None),
        _group(_("Account"), args, "account", counted.accounts, None),
        _group(_("Set"), args, "set", counted.sets, None),
        _group(_("Language"), args, "lang", counted.langs, None),
        _group(
            _("Links"), args, "link", counted.links, {"yes": _("with links"), "no": _("without")}
        ),
        _group(
            _("Media"), args, "media", counted.media, {"yes": _("with media"), "no": _("without")}
        ),
    ]
    return [group for group in made if group is not None]


def _group(
    title: str, args: dict[str, str], name: str, facets: Iterable[Facet], labels: dict | None
) -> FacetGroup | None:
    values = list(facets)
    is_set = args.get(name) or (name == "month" and args.get("from") and args.get("to"))
    if is_set or len(values) < 2:
        return None
    return FacetGroup(
        title,
        tuple(
            FacetChoice(_label(name, facet, labels), _address(args, name, facet.value), facet.posts)
            for facet in values
        ),
    )


def _label(name: str, facet: Facet, labels: dict | None) -> str:
    if name == "month":
        return str(format_date(_first_of(facet.value), "MMM y", rebase=False))
    if name == "account":
        return handle(facet.label).striptags()
    return str(labels.get(facet.value, facet.label)) if labels else facet.label


def _first_of(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _address(args: dict[str, str], name: str, value: str) -> str:
    if name != "month":
        return _list({**args, name: value})
    first = _first_of(value)
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    days = {"from": first.isoformat(), "to": last.isoformat(), "zone": "UTC"}
    return _list({**args, **days})


def _list(args: dict[str, Any]) -> str:
    return url_for("posts.index", **args)


@dataclass(frozen=True)
class Condition:
    """One condition that is set: in words, and the address of the list without it."""

    label: str
    address: str


def conditions(selection: Selection, names: dict[int, str], set_name: str) -> list[Condition]:
    """The conditions of a selection, each with a way to drop it. `names` are the accounts'."""
    args = selection.to_args()
    labels = {
        "account": ", ".join(
            handle(str(names.get(account_id, account_id))).striptags()
            for account_id in selection.accounts[:5]
        ),
        "set": _("set “%(name)s”", name=set_name),
        "from": _("from %(day)s", day=args.get("from", "")),
        "to": _("to %(day)s", day=args.get("to", "")),
        "lang": _("language %(code)s", code=selection.lang),
        "kind": ", ".join(str(KINDS[kind]) for kind in selection.kinds),
        "retweets": _("no retweets") if selection.retweets == "no" else _("retweets only"),
        "link": _("with links") if selection.has_link else _("without links"),
        "media": _("with media") if selection.has_media else _("without media"),
        "ids": ngettext("%(num)s chosen post", "%(num)s chosen posts", len(selection.ids)),
    }
    return [Condition(labels[name], _list(_without(args, name))) for name in labels if name in args]


def _without(args: dict[str, str], name: str) -> dict[str, str]:
    """The arguments without one; the zone goes with the last day, which it belongs to."""
    rest = {key: value for key, value in args.items() if key != name}
    if "from" not in rest and "to" not in rest:
        rest.pop("zone", None)
    return rest
