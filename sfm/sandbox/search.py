"""Recent search and recent counts: the last seven days, by X's query language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from sfm.sandbox import problems
from sfm.sandbox.clock import iso
from sfm.sandbox.credentials import OAUTH2
from sfm.sandbox.includes import Includes
from sfm.sandbox.paging import PagePosition, read_token, scope_of, write_token
from sfm.sandbox.params import FIELDS, Params
from sfm.sandbox.problems import Json
from sfm.sandbox.query.match import ParsedQuery
from sfm.sandbox.query.parse import QueryError, parse
from sfm.sandbox.query.subject import MatchSubject
from sfm.sandbox.requested_fields import read_fields
from sfm.sandbox.routing import ANYONE, APP_ONLY, Call, Route
from sfm.sandbox.shapes import post_json
from sfm.sandbox.world.posts import WorldPost, make_id
from sfm.sandbox.world.world import World

MAX_QUERY_CHARS = 512  # self-serve plans; 4,096 for Enterprise
WEEK_MS = 7 * 86_400_000
_MIN_AGE_MS = 10_000
_USUAL_AGE_MS = 30_000
_SPAN = ("start_time", "end_time", "since_id", "until_id")
_PARTS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


def search_recent(call: Call) -> Json:
    """GET /2/tweets/search/recent"""
    allowed = ("query", "max_results", "next_token", "pagination_token", "sort_order", *_SPAN)
    params = Params(call.args, (*allowed, *FIELDS))
    text = params.required("query")
    query = read_query(text)
    size = params.whole("max_results", 10, 100, 10)
    params.choice("sort_order", ("recency", "relevancy"), "recency")
    lowest, beyond = _bounds(call, params)
    scope = scope_of(text)
    token = params.text("next_token") or params.text("pagination_token")
    if token:
        beyond = min(beyond, read_token(token, scope, "next_token").anchor)
    posts = list(islice(matching(call, query, lowest, beyond), size + 1))
    return _page(call, posts[:size], scope, more=len(posts) > size)


def _page(call: Call, posts: list[WorldPost], scope: int, *, more: bool) -> Json:
    call.site.meter(call.caller, posts=len(posts))
    if not posts:
        return {"meta": {"result_count": 0}}
    view = call.site.view(read_fields(call.args, call.site.dialect))
    meta: Json = {"newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id)}
    meta["result_count"] = len(posts)
    if more:
        meta["next_token"] = write_token(PagePosition(scope, posts[-1].id, 0))
    body: Json = {"data": [post_json(view, post) for post in posts]}
    includes = Includes(view, call.caller.uid)
    includes.add_posts(posts)
    return {**includes.into(body), "meta": meta}


def counts_recent(call: Call) -> Json:
    """GET /2/tweets/counts/recent"""
    allowed = ("query", "granularity", "next_token", "pagination_token", "search_count.fields")
    params = Params(call.args, (*allowed, *_SPAN))
    query = read_query(params.required("query"))
    part_ms = _PARTS_MS[params.choice("granularity", tuple(_PARTS_MS), "hour")]
    start, end = _times(call, params)
    lowest, beyond = _bounds(call, params)
    posts = matching(call, query, lowest, beyond)
    counts = Counter(post.created_ms // part_ms for post in posts)
    parts = range(start // part_ms, (end - 1) // part_ms + 1)
    name = "post_count" if call.site.dialect == "post" else "tweet_count"
    data = [
        {
            "start": iso(max(start, part * part_ms)),
            "end": iso(min(end, (part + 1) * part_ms)),
            name: counts[part],
        }
        for part in parts
    ]
    return {"data": data, "meta": {f"total_{name}": sum(counts.values())}}


def read_query(text: str) -> ParsedQuery:
    """A search query, ready to match. Raises Refused (400) with the positions of what is wrong."""
    try:
        return ParsedQuery(parse(text, stream=False, longest=MAX_QUERY_CHARS), stream=False)
    except QueryError as exc:
        raise problems.invalid_many(
            [
                {
                    "parameters": {"query": [text]},
                    "message": f"There were errors processing your request: {detail}",
                }
                for detail in exc.details
            ]
        ) from None


def matching(call: Call, query: ParsedQuery, lowest: int, beyond: int) -> Iterator[WorldPost]:
    """Posts that search finds, newest first: no retweets, nobody protected or gone."""
    world, now = call.site.world, call.site.world.clock.now_ms()
    known: dict[int, bool] = {}
    for post_id in world.recent(now - WEEK_MS, now + 1):
        if post_id < lowest:
            return
        if post_id >= beyond:
            continue
        kind, body = world.crowd.outline(post_id)
        seen = query.words_only and kind == "body"
        if kind == "retweeted" or (seen and known.get(body) is False):
            continue
        post = world.post(post_id)
        if post is None or not _is_found(world, post):
            continue
        met = query.meets(MatchSubject(world, post, stream=False))
        if seen:
            known[body] = met
        if met:
            yield post


def _is_found(world: World, post: WorldPost) -> bool:
    author = world.person(post.author)
    if post.kind == "retweeted" or author is None or author.state != "active":
        return False
    return not world.is_removed(post)


def _times(call: Call, params: Params) -> tuple[int, int]:
    """From and until (excluded), in milliseconds. Raises Refused (400) for times out of reach."""
    now = call.site.clock.now_ms()
    start, end = params.span()
    if start is not None and params.text("since_id"):
        message = "'since_id' and 'start_time' exclude each other"
        raise problems.invalid("since_id", [params.text("since_id") or ""], message)
    earliest = now - WEEK_MS
    if start is not None and start < earliest:
        message = f"Invalid 'start_time':'{iso(start)}'. 'start_time' must be on or after "
        raise problems.invalid("start_time", [iso(start)], f"{message}{iso(earliest)}")
    if end is not None and end > now - _MIN_AGE_MS:
        message = f"Invalid 'end_time':'{iso(end)}'. 'end_time' must be a minimum of 10 seconds "
        raise problems.invalid("end_time", [iso(end)], f"{message}prior to the request time.")
    return (
        earliest if start is None else start,
        now - _USUAL_AGE_MS if end is None else end,
    )


def _bounds(call: Call, params: Params) -> tuple[int, int]:
    start, end = _times(call, params)
    since, until = params.post_id("since_id"), params.post_id("until_id")
    return max(make_id(start, 0), (since or 0) + 1), min(make_id(end, 0), until or 1 << 63)


ENDPOINTS = (
    Route("GET", "/2/tweets/search/recent", "tweets/search/recent", ANYONE, search_recent),
    Route(
        "GET",
        "/2/tweets/counts/recent",
        "tweets/counts/recent",
        (*APP_ONLY, OAUTH2),
        counts_recent,
    ),
)
