"""The filtered stream and the sample stream, fed by the world as it posts."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from werkzeug.wrappers import Response

from sfm.sandbox import problems
from sfm.sandbox.connections import Connection
from sfm.sandbox.includes import Includes
from sfm.sandbox.params import FIELDS, Params
from sfm.sandbox.problems import PROBLEM, Json
from sfm.sandbox.query.subject import MatchSubject
from sfm.sandbox.requested_fields import RequestedFields, read_fields
from sfm.sandbox.routing import APP_ONLY, Call, Route
from sfm.sandbox.rulebook import StoredRule
from sfm.sandbox.shapes import post_json
from sfm.sandbox.site import Site
from sfm.sandbox.stream_faults import ENDING, FaultLine, Strikes, error_line
from sfm.sandbox.world.dice import mix
from sfm.sandbox.world.posts import WorldPost

_BATCH = 50
_MIN_SPAN_MS = 250  # asking every account for news is not free in a world of thousands
_KEEP_ALIVE = b"\r\n"


def filtered_stream(call: Call) -> Response:
    """GET /2/tweets/search/stream"""
    _check_params(call, ("backfill_minutes", "start_time", "end_time"))
    if call.site.streams.needs_rules and not call.site.rules.of(call.caller.app):
        body = {
            "title": "ConnectionException",
            "detail": "This stream has no rules; add one before you connect.",
            "connection_issue": "RuleConfigurationIssue",
            "type": f"{PROBLEM}streaming-connection",
        }
        raise problems.RefusedRequest(409, body)
    return _stream(call, "filtered_stream")


def sample_stream(call: Call) -> Response:
    """GET /2/tweets/sample/stream"""
    _check_params(call, ("backfill_minutes",))
    return _stream(call, "sample_stream")


def _check_params(call: Call, own: tuple[str, ...]) -> None:
    params = Params(call.args, (*own, *FIELDS))
    for name in own:
        value = params.text(name)
        if value not in (None, "0"):
            message = f"The `{name}` query parameter needs an Enterprise plan"
            raise problems.invalid(name, [value or ""], message)


def _stream(call: Call, endpoint: str) -> Response:
    now_ms = call.site.clock.now_ms()
    connection = call.site.streams.open(endpoint, call.caller.app, call.request, now_ms)
    fields = read_fields(call.args, "tweet")  # streams speak the older words, whatever REST does
    sender = Sender(call.site, connection, fields)
    response = Response(sender.run(), content_type="application/json; charset=utf-8")
    response.headers["Connection"] = "close"
    return response


class Sender:
    """Goes on for as long as one connection lasts."""

    def __init__(self, site: Site, connection: Connection, fields: RequestedFields) -> None:
        self._site = site
        self._world = site.world
        self._streams = site.streams
        self._connection = connection
        self._fields = fields
        self._strikes = Strikes(connection)
        self._from_ms = site.clock.now_ms() + 1
        self._by_hand = len(site.world.posted)
        self._due: Iterator[int] = iter(())
        self._sent_at = time.monotonic()

    def run(self) -> Iterator[bytes]:
        """Chunks to send. The first is empty: it brings the headers out at once."""
        connection, reason = self._connection, "client_disconnect"
        try:
            yield b""
            while not self._site.stopping.is_set() and self._peer_is_there():
                if connection.killed:
                    reason = "operator_disconnect"
                    yield error_line(connection.killed)
                    return
                for fault in self._site.faults.on_stream(connection.request, connection.lines):
                    reason = f"fault:{fault.kind}" if fault.kind in ENDING else reason
                    yield from self._strikes.strike(fault)
                if self._strikes.ended:
                    return
                yield from self._sent(self._next_lines())
            reason = "server_shutdown" if self._site.stopping.is_set() else reason
        finally:
            connection.reason = connection.reason or reason
            connection.recent.clear()
            connection.disconnected_ms = self._site.clock.now_ms()

    def _sent(self, lines: list[FaultLine]) -> Iterator[bytes]:
        """Send what there is; else a keep-alive when one is due; else wait a little."""
        connection = self._connection
        data = b"".join(line.data for line in lines)
        if data:
            connection.lines += sum(line.is_post for line in lines)
            connection.size_bytes += len(data)
            connection.recent.extend(line.data for line in lines if line.is_post)
            yield from self._strikes.pieces(data)
            self._sent_at = time.monotonic()
        elif self._strikes.silent:
            time.sleep(self._streams.tick)
        elif time.monotonic() - self._sent_at >= self._streams.keep_alive:
            yield from self._strikes.pieces(_KEEP_ALIVE)
            self._sent_at = time.monotonic()
        else:
            connection.wake.wait(self._streams.tick)
            connection.wake.clear()

    def _next_lines(self) -> list[FaultLine]:
        lines = []
        while self._connection.pushed:
            lines.append(FaultLine(self._connection.pushed.popleft(), is_post=False))
        if self._strikes.stalled:
            return lines
        posts = [self._world.post(post_id) for post_id in self._next_ids()]
        if self._strikes.quiet:
            return lines
        read = 0
        for post in posts:
            line = self._line(post) if post else None
            if line:
                read += 1
                lines.extend([FaultLine(line)] * self._strikes.copies)
        if read:
            self._site.usage.add(self._connection.app, self._site.today(), read, 0)
        return lines

    def _next_ids(self) -> list[int]:
        """The ids of posts made since the last look, oldest first; not too many at once."""
        posted = self._world.posted[self._by_hand :]
        self._by_hand += len(posted)
        due = list(islice(self._due, _BATCH))
        until_ms = self._site.clock.now_ms() + 1
        if not due and until_ms - self._from_ms >= _MIN_SPAN_MS:
            self._due = self._world.made_between(self._from_ms, until_ms)
            self._from_ms = until_ms
            due = list(islice(self._due, _BATCH))
        return sorted((*posted, *due))

    def _line(self, post: WorldPost) -> bytes | None:
        author = self._world.person(post.author)
        if author is None or author.state != "active":
            return None
        if self._connection.endpoint == "sample_stream":
            if mix(post.id, 7) % 100 >= self._streams.sample_percent:
                return None
            return _json_line(self._body(post))
        rules = self._matching(post)
        if not rules:
            return None
        matching = [self._strikes.rule_json(rule.id, rule.tag) for rule in rules]
        return _json_line({**self._body(post), "matching_rules": matching})

    def _matching(self, post: WorldPost) -> list[StoredRule]:
        subject = MatchSubject(self._world, post, stream=True)
        rules = self._site.rules.in_force(self._connection.app)
        return [rule for rule in rules if rule.query.meets(subject)]

    def _body(self, post: WorldPost) -> Json:
        view = self._site.view(self._fields)
        body: Json = {"data": post_json(view, post)}
        includes = Includes(view)
        includes.add_posts([post])
        return includes.into(body)

    def _peer_is_there(self) -> bool:
        peer: socket.socket | None = self._connection.request.environ.get("sandbox.socket")
        if peer is None:
            return True
        try:
            readable, _, _ = select.select([peer], [], [], 0)
            return not readable or peer.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False


def _json_line(body: Json) -> bytes:
    try:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        data = json.dumps(body, separators=(",", ":")).encode()
    return data + b"\r\n"


# Connections ----------------------------------------------------------------------------------

_FIELDS = {
    "id",
    "endpoint_name",
    "connected_at",
    "disconnected_at",
    "disconnect_reason",
    "client_ip",
}


def list_connections(call: Call) -> Json:
    """GET /2/connections"""
    allowed = ("status", "endpoints", "max_results", "pagination_token", "connection.fields")
    params = Params(call.args, allowed)
    size = params.whole("max_results", 1, 100, 10)
    start = _start_of(params)
    connections = _requested_connections(call, params)
    fields = _connection_fields(params)
    shown = connections[start : start + size]
    meta: Json = {"result_count": len(shown)}
    if start + size < len(connections):
        meta["next_token"] = str(start + size)
    data = {"data": [connection.as_json(fields) for connection in shown]} if shown else {}
    return {**data, "meta": meta}


def _requested_connections(call: Call, params: Params) -> list[Connection]:
    """Newest first."""
    status = params.choice("status", ("active", "inactive", "all"), "active")
    endpoints = set(filter(None, (params.text("endpoints") or "").split(",")))
    return [
        connection
        for connection in reversed(call.site.streams.connections)
        if connection.app == call.caller.app
        and (status == "all" or (status == "active") == (connection.disconnected_ms is None))
        and (not endpoints or connection.endpoint in endpoints)
    ]


def _start_of(params: Params) -> int:
    token = params.text("pagination_token") or "0"
    if not token.isdecimal():
        raise problems.invalid("pagination_token", [token], "The token is not valid")
    return int(token)


def _connection_fields(params: Params) -> set[str]:
    requested = set((params.text("connection.fields") or "").split(","))
    return (requested & _FIELDS) | {"id", "endpoint_name", "connected_at"}


def _killed(call: Call, victims: list[Connection], unknown: list[str]) -> Json:
    for victim in victims:
        call.site.streams.kill(victim)
    results: list[Json] = [{"success": True, "uuid": victim.id} for victim in victims]
    results += [
        {"success": False, "uuid": uuid, "error_message": "No such connection"} for uuid in unknown
    ]
    counts = {"successful_kills": len(victims), "failed_kills": len(unknown)}
    return {"data": {**counts, "results": results}}


def kill_all(call: Call) -> Json:
    """DELETE /2/connections/all"""
    return _killed(call, call.site.streams.active(call.caller.app), [])


def kill_endpoint(call: Call, endpoint_id: str) -> Json:
    """DELETE /2/connections/:endpoint_id"""
    if endpoint_id not in ("filtered_stream", "sample_stream"):
        message = f"The `endpoint_id` path parameter value [{endpoint_id}] is not valid"
        raise problems.invalid("endpoint_id", [endpoint_id], message)
    return _killed(call, call.site.streams.active(call.caller.app, endpoint_id), [])


def kill_some(call: Call) -> Json:
    """DELETE /2/connections"""
    try:
        body: Any = json.loads(call.request.get_data() or b"{}")
        uuids = [str(uuid) for uuid in body["uuids"]]
    except (ValueError, KeyError, TypeError):
        raise problems.invalid("uuids", [], "JSON doesn't match expected schema") from None
    own = {live.id: live for live in call.site.streams.active(call.caller.app)}
    victims = [own[uuid] for uuid in uuids if uuid in own]
    return _killed(call, victims, [uuid for uuid in uuids if uuid not in own])


ENDPOINTS = (
    Route("GET", "/2/tweets/search/stream", "tweets/search/stream", APP_ONLY, filtered_stream),
    Route("GET", "/2/tweets/sample/stream", "tweets/sample/stream", APP_ONLY, sample_stream),
    Route("GET", "/2/connections", "connections", APP_ONLY, list_connections),
    Route("DELETE", "/2/connections/all", "connections:delete", APP_ONLY, kill_all),
    Route("DELETE", "/2/connections/<endpoint_id>", "connections:delete", APP_ONLY, kill_endpoint),
    Route("DELETE", "/2/connections", "connections:delete", APP_ONLY, kill_some),
)
