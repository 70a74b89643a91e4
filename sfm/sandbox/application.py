"""The WSGI application: finds the endpoint, checks credential and limit, answers as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sfm.sandbox import admin, problems, rest, rules, search, streams
from sfm.sandbox.credentials import APP
from sfm.sandbox.faults import HTML, LIMIT_KINDS, REFUSALS, SHAPERS, PlannedFault, refusal_of
from sfm.sandbox.paging import invalid_token
from sfm.sandbox.problems import Json, RefusedRequest
from sfm.sandbox.requested_fields import read_fields
from sfm.sandbox.routing import Call, Route
from sfm.sandbox.site import Served, Site
from sfm.sandbox.wire import HangUp

ENDPOINTS: tuple[Route, ...] = (
    *rest.ENDPOINTS,
    *search.ENDPOINTS,
    *rules.ENDPOINTS,
    *streams.ENDPOINTS,
)


class Application:
    """One sandbox as a WSGI application."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._map = Map(
            [Rule(e.path, methods=[e.method], endpoint=e) for e in ENDPOINTS],
            strict_slashes=False,
            merge_slashes=False,
        )
        self._admin = admin.Admin(site)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        response, caller = self._respond(request)
        response.headers["Date"] = http_date(self.site.clock.now())
        if not request.path.startswith("/sandbox"):
            query = request.query_string.decode("latin-1")
            served = Served(request.method, request.path, query, response.status_code, caller)
            self.site.served.append(served)
        return response(environ, start_response)

    def _respond(self, request: Request) -> tuple[Response, str]:
        if request.path == "/" or request.path.startswith("/sandbox"):
            return self._admin.respond(request), ""
        try:
            refusals = self.site.faults.striking(request, (*REFUSALS, *LIMIT_KINDS))
            if refusals:
                raise refusal_of(refusals[0], self.site.clock.now_ms())
            shapers = self.site.faults.striking(request, SHAPERS)
            _refuse_token(request, shapers)
            sign_in = self.site.sign_in.find(request)
            if sign_in:
                answer = sign_in(request)
                response = answer if isinstance(answer, Response) else json_response(answer)
                caller = ""
            else:
                response, caller = self._answer(request)
        except RefusedRequest as refused:
            return _refusal(refused), ""
        return _shaped(request, response, shapers), caller

    def _answer(self, request: Request) -> tuple[Response, str]:
        endpoint, values = self._route_of(request)
        caller = self.site.credentials.identify(request)
        if caller.kind not in endpoint.kinds:
            raise problems.wrong_authentication(caller.kind, ", ".join(endpoint.kinds))
        by_user = caller.kind != APP
        headers = self.site.limits.spend(endpoint.name, caller.key, by_user=by_user)
        newer = read_fields(request.args, self.site.dialect).post_words
        try:
            answer = endpoint.answer(Call(self.site, request, caller), **values)
        except RefusedRequest as refused:
            body = refused.body
            if newer and isinstance(body, dict):
                body = problems.in_post_words(body)
            raise RefusedRequest(refused.status, body, {**headers, **refused.headers}) from None
        if not isinstance(answer, Response):
            body, status = answer if isinstance(answer, tuple) else (answer, 200)
            answer = json_response(problems.in_post_words(body) if newer else body, status)
        answer.headers.extend(headers)
        return answer, caller.key

    def _route_of(self, request: Request) -> tuple[Route, Mapping[str, Any]]:
        """Raises RefusedRequest where X has no such address."""
        try:
            return self._map.bind("").match(request.path, request.method)
        except HTTPException:
            raise RefusedRequest(404, HTML) from None


def json_response(body: Json, status: int = 200, kind: str = "application/json") -> Response:
    """JSON as X writes it: compact, letters as they are; escaped only where UTF-8 cannot say it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, planted on purpose
        data = json.dumps(body, separators=(",", ":")).encode()
    return Response(data, status, content_type=f"{kind}; charset=utf-8")


def _refusal(refused: RefusedRequest) -> Response:
    if isinstance(refused.body, str):
        kind = "text/html" if refused.body.startswith("<") else "text/plain"
        response = Response(refused.body, refused.status, content_type=f"{kind}; charset=utf-8")
    else:
        kind = "application/json" if "code" in str(refused.body) else "application/problem+json"
        response = json_response(refused.body, refused.status, kind)
    response.headers.extend(refused.headers)
    return response


def _refuse_token(request: Request, shapers: list[PlannedFault]) -> None:
    token = request.args.get("pagination_token") or request.args.get("next_token")
    if any(fault.kind == "expired-token" for fault in shapers):
        raise invalid_token(token or "", "pagination_token")


def _shaped(request: Request, response: Response, shapers: list[PlannedFault]) -> Response:
    for fault in shapers:
        if response.is_streamed and fault.kind not in _FOR_STREAMS:
            continue
        response = _SHAPE[fault.kind](request, response, fault)
    return response


def _html(_: Request, __: Response, fault: PlannedFault) -> Response:
    status = fault.status or 200
    return Response(fault.body or HTML, status, content_type="text/html; charset=utf-8")


def _body(_: Request, __: Response, fault: PlannedFault) -> Response:
    response = Response(fault.body or "", fault.status or 200)
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    for name, value in fault.headers.items():
        response.headers[name] = value
    return response


def _cut(_: Request, response: Response, fault: PlannedFault) -> Response:
    data = response.get_data()
    keep = len(data) // 2 if fault.at is None else fault.at
    length = None if fault.kind == "cut-chunks" else len(data)

    def torn() -> Iterator[bytes]:
        yield data[:keep]
        raise HangUp

    return _streamed(response, torn(), length)


def _reset(_: Request, response: Response, __: PlannedFault) -> Response:
    def nothing() -> Iterator[bytes]:
        raise HangUp(reset=True)
        yield b""

    return _streamed(response, nothing(), None)


def _slow(_: Request, response: Response, fault: PlannedFault) -> Response:
    time.sleep(fault.seconds)
    return response


def _trickle(_: Request, response: Response, fault: PlannedFault) -> Response:
    data = response.get_data()
    size = max(1, len(data) // 20)

    def drops() -> Iterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]
            time.sleep(fault.seconds / 20)

    return _streamed(response, drops(), len(data))


def _streamed(response: Response, parts: Iterator[bytes], length: int | None) -> Response:
    shaped = Response(parts, response.status_code, headers=response.headers)
    shaped.headers.pop("Content-Length", None)
    if length is not None:
        shaped.headers["Content-Length"] = str(length)
    return shaped


def _repeat_token(request: Request, response: Response, _: PlannedFault) -> Response:
    token = request.args.get("pagination_token") or request.args.get("next_token")
    return _with_meta(response, {"next_token": token}) if token else response


def _empty_page(_: Request, response: Response, __: PlannedFault) -> Response:
    body = json.loads(response.get_data())
    token = body.get("meta", {}).get("next_token", "7140dibdnow9c7btw4")
    response.set_data(json.dumps({"meta": {"result_count": 0, "next_token": token}}))
    return response


def _with_meta(response: Response, more: Json) -> Response:
    body = json.loads(response.get_data())
    body.setdefault("meta", {}).update(more)
    response.set_data(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return response


def _unchanged(_: Request, response: Response, __: PlannedFault) -> Response:
    return response


_FOR_STREAMS = ("html", "body", "slow", "reset")
_SHAPE = {
    "html": _html,
    "body": _body,
    "cut-body": _cut,
    "cut-chunks": _cut,
    "reset": _reset,
    "slow": _slow,
    "trickle": _trickle,
    "repeat-token": _repeat_token,
    "empty-page": _empty_page,
    "expired-token": _unchanged,
}
