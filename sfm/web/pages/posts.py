"""Reading posts: the list with search and facets, and one post with all that is known of it."""

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
from sfm.posts.queries import Count, PostPage
from sfm.posts.selection import Selection
from sfm.twitter.parse import entities
from sfm.web.access import access, signed_in_user
from sfm.web.htmx import page_or_part
from sfm.web.pages.links import WORDS
from sfm.web.pages.post_facets import KIND_WORDS, KINDS, conditions, groups
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
MAX_JSON_LENGTH = 200_000  # characters; the rest is in the file


@bp.get("/tweets/")
@access("signed_in")
def index() -> Response:
    typed = {name: request.args.get(name, "") for name in ARGS}
    set_names = {str(row.id): row.name for row in sets.visible_to(signed_in_user())}
    try:
        selection = Selection.from_args(request.args, time_zone())
        if selection.set_id is not None:
            sets.find(signed_in_user(), selection.set_id)
        page = queries.page(selection, request.args.get("at"))
    except WrongInput as exc:
        return page_or_part(
            "posts/index.html", "posts/_results.html", 422,
            problem=exc.message, typed=typed, sets=set_names, kinds=KINDS,
        )  # fmt: skip
    return _results(selection, page, typed, set_names)


def _results(
    selection: Selection, page: queries.PostPage, typed: dict[str, str], set_names: dict[str, str]
) -> Response:
    names = names_of(selection.accounts[:5])
    counted = facets(selection, [int(set_id) for set_id in set_names])
    return page_or_part(
        "posts/index.html",
        "posts/_results.html",
        typed=typed,
        sets=set_names,
        kinds=KINDS,
        slice=_slice(page),
        total=_total(selection, counted),
        facets=counted,
        groups=groups(selection, counted),
        conditions=conditions(selection, names, set_names.get(str(selection.set_id), "")),
        selection=selection,
        export_args=selection.to_args(),
    )


def _slice(page: PostPage) -> Slice[Any]:
    return Slice(page.posts, page.newer, page.older)


def _total(selection: Selection, counted: Facets) -> Count:
    """What was looked at for the facets is a count already."""
    if counted.complete:
        return Count(counted.looked_at)
    if selection.chosen <= {"accounts"} or selection.chosen == {"set_id"}:
        return queries.total(selection)
    return Count(counted.looked_at, at_least=True)


@bp.get("/twitter-item/<id:twitter_id>/")
@access("signed_in")
def show(twitter_id: int) -> Response:
    """The page for a browser, the JSON for anything that does not ask for HTML."""
    post = queries.by_twitter_id(twitter_id, with_json=True)
    media_type = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if media_type != "text/html":
        return _as_json(post)
    answer = page_or_part(
        "posts/show.html",
        "posts/show.html",
        post=post,
        text=_text(post),
        referenced=_referenced(post),
        links=_links(post),
        words=WORDS,
        pretty=_pretty(post.item_json),
        on_twitter=f"https://x.com/{post.screen_name or 'i'}/status/{post.twitter_id}",
    )
    answer.vary.add("Accept")
    return answer


@bp.get("/twitter-item/<id:twitter_id>.json")
@access("signed_in")
def as_json(twitter_id: int) -> Response:
    return _as_json(queries.by_twitter_id(twitter_id, with_json=True))


def _as_json(post: TwitterUserItem) -> Response:
    answer = Response(post.item_json, mimetype="application/json")
    answer.vary.add("Accept")
    return answer


def _text(post: TwitterUserItem) -> Any:
    """The text with its links where Twitter set them; as it is stored where the JSON is odd."""
    try:
        return whole_text(entities.entities(post.item_json.encode()).segments)
    except Unreadable:
        return shown(post.item_text)


def _referenced(post: TwitterUserItem) -> list[dict[str, Any]]:
    """The posts that this one passes on, quotes or answers; and whether they are kept here."""
    try:
        references = entities.referenced(post.item_json.encode())
    except Unreadable:
        return []
    kept_ids = queries.existing_ids([reference.twitter_id for reference in references])
    titles = {"retweeted": _("Passes on"), "quoted": _("Quotes"), "replied_to": _("Answers")}
    addresses = {
        twitter_id: url_for("posts.show", twitter_id=twitter_id) for twitter_id in kept_ids
    }
    return [
        {
            "title": titles[reference.kind],
            "kind": reference.kind,
            "post": reference.tweet,
            "here": addresses.get(reference.twitter_id, ""),
            "there": f"https://x.com/i/status/{reference.twitter_id}",
        }
        for reference in references
    ]


def _links(post: TwitterUserItem) -> list[dict[str, Any]]:
    """The post's links, and what following them has found out."""
    known = {link.start_url: link for _place, link in links_of(post)}
    rows: list[dict[str, Any]] = []
    for url, expanded, *_more in post.urls:
        link = known.pop(url, None) or known.pop(expanded, None)
        rows.append({"url": url, "expanded": expanded or url, "link": link})
    return rows + [{"url": url, "expanded": url, "link": link} for url, link in known.items()]


def _pretty(text: str) -> str:
    """The JSON with line breaks, to be read; as received where it cannot be laid out."""
    if len(text) > MAX_JSON_LENGTH:
        return shown(text[:MAX_JSON_LENGTH])
    try:
        return shown(json.dumps(json.loads(text), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        return shown(text)
