"""X's v2 endpoints for users, timelines, posts and usage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from sfm.sandbox import problems
from sfm.sandbox.clock import iso
from sfm.sandbox.includes import Includes, readable_post
from sfm.sandbox.paging import PagePosition, read_token, write_token
from sfm.sandbox.params import (
    FIELDS,
    ID_PATTERN,
    NAME_PATTERN,
    Params,
    check_path_id,
    check_path_name,
)
from sfm.sandbox.problems import Json
from sfm.sandbox.requested_fields import read_fields
from sfm.sandbox.routing import ANYONE, APP_ONLY, USER_ONLY, Call, Route
from sfm.sandbox.shapes import PostView, post_json, user_json
from sfm.sandbox.site import Site
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.posts import WorldPost, make_id

TIMELINE_REACH_WITHOUT_REPLIES = 800
_PAGED = ("max_results", "pagination_token", "since_id", "until_id", "start_time", "end_time")


def _view(call: Call) -> PostView:
    return call.site.view(read_fields(call.args, call.site.dialect))


# Users ------------------------------------------------------------------------------------


def _person_problem(person: Person | None, parameter: str, value: str) -> Json | None:
    if person is None or person.state == "deleted":
        return problems.not_found("user", parameter, value)
    if person.state == "suspended":
        return problems.suspended(parameter, value)
    return None


def _users(call: Call, requested: Iterable[tuple[Person | None, str]], parameter: str) -> Json:
    view, people, errors = _view(call), [], []
    for person, value in requested:
        problem = _person_problem(person, parameter, value)
        if problem:
            errors.append(problem)
        elif person:
            people.append(person)
    body: Json = {"data": [user_json(view, person) for person in people]} if people else {}
    if errors:
        body["errors"] = errors
    call.site.meter(call.caller, users=len(people))
    includes = Includes(view, call.caller.uid)
    includes.add_users(people)
    return includes.into(body)


def _one_user(call: Call, person: Person | None, parameter: str, value: str) -> Json:
    body = _users(call, [(person, value)], parameter)
    if "data" in body:
        body["data"] = body["data"][0]
    return body


def users_by(call: Call) -> Json:
    """GET /2/users/by"""
    names = Params(call.args, ("usernames", *FIELDS)).many("usernames", NAME_PATTERN)
    world = call.site.world
    return _users(call, [(world.named(name), name) for name in names], "usernames")


def users_by_ids(call: Call) -> Json:
    """GET /2/users"""
    ids = Params(call.args, ("ids", *FIELDS)).many("ids", ID_PATTERN)
    return _users(call, [(call.site.world.person(int(uid)), uid) for uid in ids], "ids")


def user_by_name(call: Call, username: str) -> Json:
    """GET /2/users/by/username/:username"""
    Params(call.args, FIELDS)
    name = check_path_name(username)
    return _one_user(call, call.site.world.named(name), "username", name)


def user_by_id(call: Call, uid: str) -> Json:
    """GET /2/users/:id"""
    Params(call.args, FIELDS)
    return _one_user(call, call.site.world.person(check_path_id(uid)), "id", uid)


def user_me(call: Call) -> Json:
    """GET /2/users/me"""
    Params(call.args, FIELDS)
    uid = call.caller.uid or 0
    return _one_user(call, call.site.world.person(uid), "id", str(uid))


# Posts ------------------------------------------------------------------------------------


def _look_up(call: Call, ids: list[str], parameter: str) -> tuple[list[Json], Json]:
    """The posts found, and the rest of the answer."""
    view, posts, errors = _view(call), [], []
    for value in ids:
        viewer = call.caller.uid
        post, problem = readable_post(view, int(value), parameter, viewer, "data")
        if post:
            posts.append(post)
        elif problem:
            errors.append(problem)
    call.site.meter(call.caller, posts=len(posts))
    includes = Includes(view, call.caller.uid)
    includes.add_posts(posts)
    rest = includes.into({"errors": errors} if errors else {})
    return [post_json(view, post) for post in posts], rest


def posts_by_ids(call: Call) -> Json:
    """GET /2/tweets"""
    ids = Params(call.args, ("ids", *FIELDS)).many("ids", ID_PATTERN)
    data, rest = _look_up(call, ids, "ids")
    return ({"data": data} if data else {}) | rest


def post_by_id(call: Call, post_id: str) -> Json:
    """GET /2/tweets/:id"""
    Params(call.args, FIELDS)
    check_path_id(post_id)
    data, rest = _look_up(call, [post_id], "id")
    return ({"data": data[0]} if data else {}) | rest


# Timelines --------------------------------------------------------------------------------


def timeline(call: Call, uid: str) -> Json:
    """GET /2/users/:id/tweets"""
    params = Params(call.args, (*_PAGED, "exclude", *FIELDS))
    world, person = call.site.world, call.site.world.person(check_path_id(uid))
    size = params.whole("max_results", 5, 100, 10)
    exclude = params.choices("exclude", ("replies", "retweets"))
    bounds = _bounds(params)
    problem = _person_problem(person, "id", uid)
    if problem or person is None:
        return {"errors": [problem]}
    if person.state == "protected" and not world.may_see(person, call.caller.uid):
        return {"errors": [problems.not_authorized("user", "id", uid, "data")]}
    place = _place(call, params, person)
    reach = call.site.timeline_reach
    if "replies" in exclude:
        reach = min(reach, TIMELINE_REACH_WITHOUT_REPLIES)
    ids = _in_reach(world.timeline(person), place.anchor, reach, bounds)
    window = list(islice(ids, place.offset, place.offset + size + 1))
    shown = [post for post in _posts(call, window[:size]) if not _excluded(post, exclude)]
    return _page(call, shown, _tokens(place, size, more=len(window) > size))


def _bounds(params: Params) -> tuple[int, int]:
    """The lowest id that counts and the first that does not any more."""
    start, end = params.span()
    since, until = params.post_id("since_id"), params.post_id("until_id")
    lowest = max((since or 0) + 1, make_id(start, 0) if start is not None else 0)
    beyond = min(until or 1 << 63, make_id(end, 0) if end is not None else 1 << 63)
    return lowest, beyond


def _place(call: Call, params: Params, person: Person) -> PagePosition:
    token = params.text("pagination_token")
    if token:
        return read_token(token, person.uid, "pagination_token")
    newest = next(iter(call.site.world.timeline(person)), 0)
    return PagePosition(person.uid, newest, 0)


def _in_reach(
    ids: Iterator[int], anchor: int, reach: int, bounds: tuple[int, int]
) -> Iterator[int]:
    """The ids that a timeline gives: counted from the newest, before any filter, as X does.

    A lowest id that is out of reach is moved up to the oldest in reach, without a word.
    """
    lowest, beyond = bounds
    for at, post_id in enumerate(post_id for post_id in ids if post_id <= anchor):
        if at >= reach or post_id < lowest:
            return
        if post_id < beyond:
            yield post_id


def _posts(call: Call, ids: Iterable[int]) -> list[WorldPost]:
    world = call.site.world
    posts = [world.post(post_id) for post_id in ids]
    return [post for post in posts if post and not world.is_removed(post)]


def _excluded(post: WorldPost, exclude: set[str]) -> bool:
    kinds = {kind for kind, _ in post.references}
    return ("replies" in exclude and "replied_to" in kinds) or (
        "retweets" in exclude and "retweeted" in kinds
    )


def _tokens(place: PagePosition, size: int, *, more: bool) -> Json:
    tokens: Json = {}
    if more:
        tokens["next_token"] = write_token(
            PagePosition(place.scope, place.anchor, place.offset + size)
        )
    if place.offset:
        before = max(0, place.offset - size)
        tokens["previous_token"] = write_token(PagePosition(place.scope, place.anchor, before))
    return tokens


def _page(call: Call, posts: list[WorldPost], tokens: Json) -> Json:
    view = _view(call)
    call.site.meter(call.caller, posts=len(posts))
    if not posts:
        return {"meta": {"result_count": 0, **tokens}}
    ids = [post.id for post in posts]
    meta: Json = {
        "result_count": len(posts),
        "newest_id": str(max(ids)),
        "oldest_id": str(min(ids)),
    }
    body: Json = {"data": [post_json(view, post) for post in posts]}
    includes = Includes(view, call.caller.uid)
    includes.add_posts(posts)
    return {**includes.into(body), "meta": {**meta, **tokens}}


# Usage ------------------------------------------------------------------------------------


def usage(call: Call) -> Json:
    """GET /2/usage/tweets"""
    params = Params(call.args, ("days", "usage.fields"))
    days = params.whole("days", 1, 90, 7)
    fields = {"project_cap", "project_id", "project_usage", "cap_reset_day"}
    fields |= set((params.text("usage.fields") or "").split(","))
    site, app = call.site, call.caller.app
    daily = _daily_usage(site, app, days)
    everything: Json = {
        "cap_reset_day": 1,
        "project_cap": site.usage.cap,
        "project_id": app,
        "project_usage": site.usage.of_month(app, site.today()[:7]),
        "daily_project_usage": {"project_id": int(app), "usage": daily},
        "daily_client_app_usage": [
            {"client_app_id": app, "usage": daily, "usage_result_count": len(daily)}
        ],
    }
    return {"data": {name: value for name, value in everything.items() if name in fields}}


def _daily_usage(site: Site, app: str, days: int) -> list[Json]:
    """The last days, today first."""
    now_ms = site.clock.now_ms()
    dates = [iso(now_ms - back * 86_400_000)[:10] for back in range(days)]
    return [
        {"date": f"{day}T00:00:00.000Z", "usage": site.usage.posts.get((app, day), 0)}
        for day in dates
    ]


ENDPOINTS = (
    Route("GET", "/2/users/by", "users/by", ANYONE, users_by),
    Route("GET", "/2/users/by/username/<username>", "users/by/username", ANYONE, user_by_name),
    Route("GET", "/2/users", "users", ANYONE, users_by_ids),
    Route("GET", "/2/users/me", "users/me", USER_ONLY, user_me),
    Route("GET", "/2/users/<uid>", "users/:id", ANYONE, user_by_id),
    Route("GET", "/2/users/<uid>/tweets", "users/:id/tweets", ANYONE, timeline),
    Route("GET", "/2/tweets", "tweets", ANYONE, posts_by_ids),
    Route("GET", "/2/tweets/<post_id>", "tweets/:id", ANYONE, post_by_id),
    Route("GET", "/2/usage/tweets", "usage/tweets", APP_ONLY, usage),
)
