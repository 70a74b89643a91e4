"""Reading tweets: the list with search and facets, and one tweet with all that is known of it."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from sfm.accounts import sets
from sfm.accounts.queries import names_of
from sfm.errors import WrongInput
from sfm.links.queries import links_of
from sfm.models import TwitterUserItem
from sfm.networks.record import Unreadable
from sfm.posts import queries
from sfm.posts.facets import Facets, facets
from sfm.posts.queries import Count, TweetPage
from sfm.posts.selection import Selection
from sfm.twitter.parse import entities
from sfm.web.access import access, signed_in_account
from sfm.web.htmx import page_or_part
from sfm.web.pages.links import WORDS
from sfm.web.pages.post_facets import KIND_WORDS, KINDS, chosen, groups
from sfm.web.pages.post_text import card_text, shown, whole_text
from sfm.web.pagination import Slice
from sfm.web.template_filters import time_zone

bp = Blueprint("posts", __name__)
bp.add_app_template_filter(shown, "shown")
bp.add_app_template_filter(card_text, "card_text")
bp.add_app_template_filter(lambda kind: KIND_WORDS.get(kind, kind), "kind_word")

ARGS = (
    "q", "account", "set", "from", "to", "zone", "lang", "kind", "retweets", "link", "media", "ids",
)  # fmt: skip
LONGEST_JSON_SHOWN = 200_000  # characters; the rest is in the file


@bp.get("/tweets/")
@access("signed_in")
def index() -> Response:
    typed = {name: request.args.get(name, "") for name in ARGS}
    theirs = {str(one.id): one.name for one in sets.visible_to(signed_in_account())}
    try:
        selection = Selection.from_args(request.args, time_zone())
        if selection.set_id is not None:
            sets.find(signed_in_account(), selection.set_id)
        page = queries.page(selection, request.args.get("at"))
    except WrongInput as exc:
        return page_or_part(
            "posts/index.html", "posts/_results.html", 422,
            problem=exc.message, typed=typed, sets=theirs, kinds=KINDS,
        )  # fmt: skip
    names = names_of(selection.accounts[:5])
    found = facets(selection, [int(set_id) for set_id in theirs])
    return page_or_part(
        "posts/index.html",
        "posts/_results.html",
        typed=typed,
        sets=theirs,
        kinds=KINDS,
        slice=_slice(page),
        total=_total(selection, found),
        facets=found,
        groups=groups(selection, found),
        chosen=chosen(selection, names, theirs.get(str(selection.set_id), "")),
        selection=selection,
        export_args=selection.to_args(),
    )


def _slice(page: TweetPage) -> Slice[Any]:
    return Slice(page.tweets, page.newer, page.older)


def _total(selection: Selection, found: Facets) -> Count:
    """What was looked at for the facets is a count already."""
    if found.complete:
        return Count(found.looked_at)
    if selection.chosen <= {"accounts"} or selection.chosen == {"set_id"}:
        return queries.total(selection)
    return Count(found.looked_at, at_least=True)


@bp.get("/twitter-item/<id:twitter_id>/")
@access("signed_in")
def show(twitter_id: int) -> Response:
    """The page for a browser, the JSON for anything that does not ask for HTML."""
    item = queries.by_twitter_id(twitter_id, with_json=True)
    wanted = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if wanted != "text/html":
        return _as_json(item)
    answer = page_or_part(
        "posts/show.html",
        "posts/show.html",
        item=item,
        text=_text(item),
        referenced=_referenced(item),
        links=_links(item),
        words=WORDS,
        pretty=_pretty(item.item_json),
        on_twitter=f"https://x.com/{item.screen_name or 'i'}/status/{item.twitter_id}",
    )
    answer.vary.add("Accept")
    return answer


@bp.get("/twitter-item/<id:twitter_id>.json")
@access("signed_in")
def as_json(twitter_id: int) -> Response:
    return _as_json(queries.by_twitter_id(twitter_id, with_json=True))


def _as_json(item: TwitterUserItem) -> Response:
    answer = Response(item.item_json, mimetype="application/json")
    answer.vary.add("Accept")
    return answer


def _text(item: TwitterUserItem) -> Any:
    """The text with its links where Twitter set them; as it is stored where the JSON is odd."""
    try:
        return whole_text(entities.entities(item.item_json.encode()).segments)
    except Unreadable:
        return shown(item.item_text)


def _referenced(item: TwitterUserItem) -> list[dict[str, Any]]:
    """The tweets that this one passes on, quotes or answers; and whether they are kept here."""
    try:
        found = entities.referenced(item.item_json.encode())
    except Unreadable:
        return []
    kept_ids = queries.existing_ids([one.twitter_id for one in found])
    titles = {
        "retweeted": _("Passes on"),
        "quoted": _("Quotes"),
        "replied_to": _("Answers"),
    }
    return [
        {
            "title": titles[one.kind],
            "kind": one.kind,
            "tweet": one.tweet,
            "here": url_for("posts.show", twitter_id=one.twitter_id)
            if one.twitter_id in kept_ids
            else "",
            "there": f"https://x.com/i/status/{one.twitter_id}",
        }
        for one in found
    ]


def _links(item: TwitterUserItem) -> list[dict[str, Any]]:
    """The tweet's links, and what following them has found out."""
    known = {link.start_url: link for _place, link in links_of(item)}
    rows: list[dict[str, Any]] = []
    for url, expanded, *_more in item.urls:
        link = known.pop(url, None) or known.pop(expanded, None)
        rows.append({"url": url, "expanded": expanded or url, "link": link})
    return rows + [{"url": url, "expanded": url, "link": link} for url, link in known.items()]


def _pretty(text: str) -> str:
    """The JSON with line breaks, to be read; as received where it cannot be laid out."""
    if len(text) > LONGEST_JSON_SHOWN:
        return shown(text[:LONGEST_JSON_SHOWN])
    try:
        return shown(json.dumps(json.loads(text), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        return shown(text)
