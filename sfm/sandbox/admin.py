"""The sandbox's own pages under /sandbox/: change the world, plan faults, read the truth.

X has nothing like it. Answers only to callers on this machine, and changes things only for requests
with a JSON body, which no foreign web page can send unasked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sfm.sandbox.clock import iso
from sfm.sandbox.faults import all_kinds
from sfm.sandbox.pages import page, style
from sfm.sandbox.problems import Json
from sfm.sandbox.site import Site
from sfm.sandbox.world.people import Person
from sfm.sandbox.world.world import NotInWorld

_ON_FRONT_PAGE = 200
_HERE = ("127.", "::1", "::ffff:127.")


class BadAdminRequest(Exception):
    """What was asked cannot be done; the message says why."""


class Admin:
    """The admin endpoints of one sandbox."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._map = Map(
            [
                Rule(path, methods=methods, endpoint=partial(endpoint, self))
                for path, methods, endpoint in _ROUTES
            ],
            strict_slashes=False,
        )

    def respond(self, request: Request) -> Response:
        """Do what is asked; errors are JSON with a sentence in `error`."""
        if not (request.remote_addr or "").startswith(_HERE):
            return _json({"error": "only callers on this machine may change the sandbox"}, 403)
        try:
            endpoint, values = self._map.bind("").match(request.path, request.method)
            body = _body(request) if request.method == "POST" else {}
            answer = endpoint(**values, **body)
        except HTTPException as exc:
            return _json({"error": exc.description}, exc.code or 400)
        except NotInWorld as exc:
            return _json({"error": str(exc)}, 404)
        except (BadAdminRequest, ValueError, KeyError, TypeError) as exc:
            return _json({"error": str(exc)}, 400)
        return answer if isinstance(answer, Response) else _json(answer)

    # Reading ------------------------------------------------------------------------------

    def _front_page(self) -> Response:
        world, app = self._site.world, self._site.sign_in.app
        keys = [
            ("consumer key", app.consumer_key),
            ("consumer secret", app.consumer_secret),
            ("client id", app.client_id),
            ("client secret", app.client_secret),
        ]
        return page(
            "front.html",
            now=iso(world.clock.now_ms()),
            keys=keys,
            accounts=[self._described(person) for person in world.people[:_ON_FRONT_PAGE]],
            more=max(0, len(world.people) - _ON_FRONT_PAGE),
        )

    def _style(self) -> Response:
        return style()

    def _health(self) -> Json:
        world = self._site.world
        now = iso(world.clock.now_ms())
        return {"status": "ok", "seed": world.seed, "now": now, "accounts": len(world.people)}

    def _accounts(self) -> Json:
        return {"accounts": [self._described(person) for person in self._site.world.people]}

    def _account(self, who: str) -> Json:
        return self._described(self._site.world.find(who))

    def _truth(self, who: str) -> Json:
        world = self._site.world
        ids = world.visible(world.find(who))
        return {"ids": [str(post_id) for post_id in ids]}

    def _described(self, person: Person) -> Json:
        return {
            "id": str(person.uid),
            "username": person.username,
            "name": person.name,
            "state": person.state,
            "former": [name for _, name in person.names[:-1]],
            "posts": self._site.world.count(person),
        }

    def _requests(self) -> Json:
        served = list(self._site.served)
        return {"requests": [vars(entry) for entry in served], "count": len(served)}

    # Changing -----------------------------------------------------------------------------

    def _rename(self, who: str, username: str, pass_to: str | None = None) -> Json:
        world = self._site.world
        person = world.find(who)
        if pass_to is None:
            world.rename(person, username)
        else:
            world.pass_name_on(person, world.find(pass_to), username)
        return self._described(person)

    def _state(self, who: str, state: str) -> Json:
        person = self._site.world.find(who)
        self._site.world.set_state(person, state)
        return self._described(person)

    def _approve(self, who: str, follower: str) -> Json:
        world = self._site.world
        person = world.find(who)
        person.approved.add(world.find(follower).uid)
        return self._described(person)

    def _post(
        self,
        author: str,
        text: str = "",
        reply_to: str | None = None,
        quote_of: str | None = None,
        edit_of: str | None = None,
        retweet_of: str | None = None,
        overrides: dict[str, Any] | None = None,
        count: int = 1,
    ) -> Json:
        world = self._site.world
        person = world.find(author)
        if retweet_of is not None:
            return {"ids": [str(world.retweet(person, int(retweet_of)).id)]}
        ids = {"reply_to": _id(reply_to), "quote_of": _id(quote_of), "edit_of": _id(edit_of)}
        made = [world.add_post(person, text, overrides=overrides, **ids) for _ in range(count)]
        return {"ids": [str(post.id) for post in made]}

    def _remove(self, post_id: int) -> Json:
        self._site.world.remove_post(post_id)
        return {"removed": str(post_id)}

    def _clock(self, advance: float = 0) -> Json:
        self._site.clock.advance(advance)
        return {"now": iso(self._site.clock.now_ms())}

    def _crowd(self, per_second: float | None = None) -> Json:
        crowd = self._site.world.crowd
        if per_second is not None:
            crowd.set_pace(per_second, self._site.clock.now_ms() + 1)
        return {"per_second": crowd.per_second}

    def _streams(
        self,
        keep_alive: float | None = None,
        sample_percent: int | None = None,
        second: str | None = None,
        rule_delay: float | None = None,
    ) -> Json:
        streams, rules = self._site.streams, self._site.rules
        if second not in (None, "refuse", "replace"):
            raise BadAdminRequest("second is refuse or replace")
        streams.keep_alive = streams.keep_alive if keep_alive is None else keep_alive
        streams.sample_percent = sample_percent or streams.sample_percent
        streams.second = second or streams.second
        rules.delay_seconds = rules.delay_seconds if rule_delay is None else rule_delay
        return self._described_streams()

    def _described_streams(self) -> Json:
        streams, rules = self._site.streams, self._site.rules
        everything = {"id", "endpoint_name", "connected_at", "disconnected_at", "disconnect_reason"}
        return {
            "keep_alive": streams.keep_alive,
            "sample_percent": streams.sample_percent,
            "second": streams.second,
            "rule_delay": rules.delay_seconds,
            "connections": [
                {**connection.as_json(everything), "app": connection.app, "lines": connection.lines}
                for connection in streams.connections
            ],
            "rules": rules.counts(),
        }

    def _list_faults(self) -> Json:
        planned = [fault.as_json() for fault in self._site.faults.planned()]
        return {"faults": planned, "kinds": all_kinds()}

    def _add_fault(self, kind: str, **options: Any) -> Json:
        return self._site.faults.add(kind, **options).as_json()

    def _clear_faults(self) -> Json:
        self._site.faults.clear()
        return {"faults": []}

    def _drop(self, fault_id: int) -> Json:
        self._site.faults.remove(fault_id)
        return {"removed": fault_id}

    def _limits(
        self, enabled: bool | None = None, endpoint: str | None = None, calls: int | None = None
    ) -> Json:
        limits = self._site.limits
        if enabled is not None:
            limits.enabled = enabled
        if endpoint is not None and calls is not None:
            limits.set(endpoint, calls)
        elif endpoint is None and enabled is None:
            limits.reset()
        return {"enabled": limits.enabled}

    def _forget_requests(self) -> Json:
        self._site.served.clear()
        return {"count": 0}


_ROUTES: tuple[tuple[str, tuple[str, ...], Callable[..., Any]], ...] = (
    ("/", ("GET",), Admin._front_page),
    ("/sandbox/", ("GET",), Admin._front_page),
    ("/sandbox/style.css", ("GET",), Admin._style),
    ("/sandbox/health", ("GET",), Admin._health),
    ("/sandbox/accounts", ("GET",), Admin._accounts),
    ("/sandbox/accounts/<who>", ("GET",), Admin._account),
    ("/sandbox/accounts/<who>/posts", ("GET",), Admin._truth),
    ("/sandbox/accounts/<who>/rename", ("POST",), Admin._rename),
    ("/sandbox/accounts/<who>/state", ("POST",), Admin._state),
    ("/sandbox/accounts/<who>/approve", ("POST",), Admin._approve),
    ("/sandbox/posts", ("POST",), Admin._post),
    ("/sandbox/posts/<int:post_id>", ("DELETE",), Admin._remove),
    (
        "/sandbox/clock",
        (
            "GET",
            "POST",
        ),
        Admin._clock,
    ),
    (
        "/sandbox/streams",
        (
            "GET",
            "POST",
        ),
        Admin._streams,
    ),
    (
        "/sandbox/crowd",
        (
            "GET",
            "POST",
        ),
        Admin._crowd,
    ),
    ("/sandbox/faults", ("GET",), Admin._list_faults),
    ("/sandbox/faults", ("POST",), Admin._add_fault),
    ("/sandbox/faults", ("DELETE",), Admin._clear_faults),
    ("/sandbox/faults/<int:fault_id>", ("DELETE",), Admin._drop),
    ("/sandbox/limits", ("POST",), Admin._limits),
    ("/sandbox/requests", ("GET",), Admin._requests),
    ("/sandbox/requests", ("DELETE",), Admin._forget_requests),
)


def _id(value: str | None) -> int | None:
    return None if value is None else int(value)


def _body(request: Request) -> Json:
    if request.mimetype != "application/json":
        raise BadAdminRequest("send a JSON object, with Content-Type: application/json")
    body = json.loads(request.get_data() or b"{}")
    if not isinstance(body, dict):
        raise BadAdminRequest("send a JSON object")
    return body


def _json(body: Json, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, content_type="application/json; charset=utf-8")
