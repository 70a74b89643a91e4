"""Trouble on demand: every bad answer that X is known to give, counted as it is given."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from werkzeug.wrappers import Request

from sfm.sandbox.limits import WINDOW_SECONDS
from sfm.sandbox.problems import PROBLEM, Json, RefusedRequest, generic

HTML = (
    "<!DOCTYPE html><html><head><title>X / ?</title></head>"
    "<body><h1>Something is technically wrong</h1></body></html>"
)


@dataclass
class PlannedFault:
    """One planned trouble. `fired` says how often it has struck.

    It strikes requests of this `method` and `path` (a shell pattern) whose query string holds
    `query` and whose Authorization header ends in `token`, after the first `after` of them,
    `times` times (None: until it is taken away).
    """

    kind: str
    path: str = "*"
    method: str = "*"
    query: str = ""
    token: str = ""
    after: int = 0
    times: int | None = 1
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reset: str | int = "normal"
    seconds: float = 1.0
    disconnect_type: str = "UpstreamOperationalDisconnect"
    at: int | None = None
    id: int = 0
    seen: int = 0
    fired: int = 0

    def strikes(self, request: Request) -> bool:
        """Whether it hits this request; counts the ones it lets pass and the ones it hits."""
        if not self.is_for(request) or (self.times is not None and self.fired >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        self.fired += 1
        return True

    def as_json(self) -> Json:
        """For the admin endpoint."""
        return asdict(self)

    def is_for(self, request: Request) -> bool:
        """Whether path, method, query and token fit."""
        return (
            fnmatchcase(request.path, self.path)
            and self.method in ("*", request.method)
            and self.query in request.query_string.decode("latin-1")
            and request.headers.get("Authorization", "").endswith(self.token)
        )


def _problem(
    code: int, kind: str, title: str, detail: str, **more: Any
) -> Callable[[], RefusedRequest]:
    body = {**more, "title": title, "detail": detail, "type": f"{PROBLEM}{kind}"}
    return lambda: RefusedRequest(code, body)


def _generic(status: int, title: str) -> Callable[[], RefusedRequest]:
    return lambda: RefusedRequest(status, generic(status, title))


def _v1(status: int, code: int, message: str) -> Callable[[], RefusedRequest]:
    return lambda: RefusedRequest(status, {"errors": [{"code": code, "message": message}]})


def _connection(code: int, issue: str, detail: str) -> Callable[[], RefusedRequest]:
    kind, title = "streaming-connection", "ConnectionException"
    return _problem(code, kind, title, detail, connection_issue=issue)


def _html(status: int) -> Callable[[], RefusedRequest]:
    return lambda: RefusedRequest(status, HTML)


_NO_PROJECT = (
    "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens "
    "from a Twitter developer App that is attached to a Project."
)
_NO_CREDITS = "Your enrolled account [1000000000000000000] does not have any credits to fulfill"

# Whole answers in place of the right one. Shapes: recorded answers and X's OpenAPI description.
REFUSALS: dict[str, Callable[[], RefusedRequest]] = {
    "unauthorized": _generic(401, "Unauthorized"),
    "credits-depleted": _problem(
        402,
        "credits",
        "CreditsDepleted",
        f"{_NO_CREDITS} this request.",
        account_id=1_000_000_000_000_000_000,
    ),
    "payment-required": _problem(
        402, "credits-depleted", "Payment Required", "credits depleted", status=402
    ),
    "client-forbidden": _problem(
        403,
        "client-forbidden",
        "Client Forbidden",
        _NO_PROJECT,
        client_id="10000001",
        registration_url="https://developer.x.com/en/docs/projects/overview",
        required_enrollment="Appropriate Level of API Access",
        reason="client-not-enrolled",
    ),
    "app-suspended": lambda: RefusedRequest(
        403, generic(403, "Forbidden", "This application has been suspended.")
    ),
    "app-suspended-v1": _v1(401, 416, "Invalid / suspended application"),
    "user-suspended": _v1(403, 64, "Your account is suspended and is not permitted to use this."),
    "forbidden": _generic(403, "Forbidden"),
    "limited-access": _v1(403, 453, "You currently have access to a subset of X API endpoints"),
    "not-found": _generic(404, "Not Found"),
    "not-found-page": _html(404),
    "too-many-connections": _connection(
        429,
        "TooManyConnections",
        "This stream is currently at the maximum allowed connection limit.",
    ),
    "provisioning": _connection(
        503,
        "ProvisioningSubscription",
        "Your subscription change is currently being provisioned, please try again in a minute.",
    ),
    "rule-configuration": _connection(
        409, "RuleConfigurationIssue", "There is something wrong with your rule configuration."
    ),
    "rules-invalid": _connection(400, "RulesInvalidIssue", "Some of your rules are invalid."),
    "conflict": _problem(409, "conflict", "Conflict", "A request is already in progress."),
    "usage-capped": _problem(
        429,
        "usage-capped",
        "UsageCapExceeded",
        "Usage cap exceeded: Monthly product cap",
        account_id=123_123_123,
        product_name="standard-basic",
        period="Monthly",
        scope="Product",
    ),
    "usage-capped-daily": _problem(
        429,
        "usage-capped",
        "UsageCapExceeded",
        "Usage cap exceeded: Daily account cap",
        period="Daily",
        scope="Account",
    ),
    "internal-error": _problem(
        500, "internal-error", "Internal Server Error", "Something is broken.", status=500
    ),
    "bad-gateway": _html(502),
    "unavailable": _generic(503, "Service Unavailable"),
    "over-capacity": _v1(503, 130, "Over capacity"),
    "gateway-timeout": _html(504),
}
LIMIT_KINDS = ("too-many-requests", "too-many-requests-v1", "enhance-your-calm")
# These change the right answer, or how it travels.
SHAPERS = (
    "html",  # an HTML page, with 200 or another `status`
    "body",  # `body` as it stands, with `status` and `headers`
    "cut-body",  # Content-Length says more than comes
    "cut-chunks",  # chunked, and the last chunk never comes
    "reset",  # the connection is reset before an answer
    "slow",  # the answer comes `seconds` late
    "trickle",  # the answer comes in small pieces over `seconds`
    "repeat-token",  # next_token is the token of this very page
    "empty-page",  # no posts, but a next_token
    "expired-token",  # 400 for the paging token
)
# These strike streams that are open, once `after` posts have gone down the connection.
STREAM_KINDS = (
    "disconnect",  # X's in-stream error of this `disconnect_type`, then the end
    "eof",  # a clean end
    "fin",  # the end in the middle of a line
    "rst",  # the same by a reset
    "stall",  # nothing at all for `seconds`
    "keep-alives-only",  # no posts for `seconds`; they are lost
    "garbage",  # a line that is `body`, or broken JSON
    "huge-line",  # a line of `at` bytes (50 million)
    "replay",  # the last `at` posts (all, up to 5,000) again, shuffled
    "duplicates",  # every post twice from now on
    "split",  # chunks of `at` bytes (1) from now on
    "no-tags",  # matching_rules without tags
)
RESETS = ("normal", "missing", "past", "far", "garbage")


class Faults:
    """The troubles planned at present."""

    def __init__(self) -> None:
        self._faults: list[PlannedFault] = []
        self._lock = threading.Lock()
        self._ids = itertools.count(1)

    def add(self, kind: str, **options: Any) -> PlannedFault:
        """Plan one; keep what is given back to ask it for `fired`. Raises ValueError.

        Kinds: the keys of REFUSALS, LIMIT_KINDS, SHAPERS and STREAM_KINDS; options: Fault's fields.
        """
        if kind not in all_kinds():
            raise ValueError(f"{kind!r} is no fault; there are {', '.join(all_kinds())}")
        takes = {item.name for item in fields(PlannedFault)} - {"kind", "id", "seen", "fired"}
        wrong = sorted(set(options) - takes)
        if wrong:
            raise ValueError(
                f"a fault has no {', '.join(wrong)}; it has {', '.join(sorted(takes))}"
            )
        fault = PlannedFault(kind, **options)
        if isinstance(fault.reset, str) and fault.reset not in RESETS:
            raise ValueError(f"reset is a number of seconds or one of {', '.join(RESETS)}")
        with self._lock:
            fault.id = next(self._ids)
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """No more trouble."""
        with self._lock:
            self._faults.clear()

    def remove(self, fault_id: int) -> None:
        """Take one away, if it is there."""
        with self._lock:
            self._faults = [fault for fault in self._faults if fault.id != fault_id]

    def planned(self) -> list[PlannedFault]:
        """All that have not been taken away, spent ones too."""
        return list(self._faults)

    def on_stream(self, request: Request, lines: int) -> list[PlannedFault]:
        """Those that hit an open stream now that so many posts have gone down it."""
        with self._lock:
            hits = [
                fault
                for fault in self._faults
                if fault.kind in STREAM_KINDS
                and lines >= fault.after
                and (fault.times is None or fault.fired < fault.times)
                and fault.is_for(request)
            ]
            for fault in hits:
                fault.seen += 1
                fault.fired += 1
        return hits

    def striking(self, request: Request, kinds: tuple[str, ...]) -> list[PlannedFault]:
        """Those of these kinds that hit this request; each is counted."""
        with self._lock:
            return [f for f in self._faults if f.kind in kinds and f.strikes(request)]


def all_kinds() -> list[str]:
    """Every kind that `add` takes."""
    return [*REFUSALS, *LIMIT_KINDS, *SHAPERS, *STREAM_KINDS]


def refusal_of(fault: PlannedFault, now_ms: int) -> RefusedRequest:
    """The answer that a fault of REFUSALS or LIMIT_KINDS gives."""
    if fault.kind in LIMIT_KINDS:
        refused = _limit_refusal(fault, now_ms)
    else:
        refused = REFUSALS[fault.kind]()
    status = fault.status or refused.status
    return RefusedRequest(status, refused.body, {**refused.headers, **fault.headers})


def _limit_refusal(fault: PlannedFault, now_ms: int) -> RefusedRequest:
    headers = _limit_headers(fault, now_ms // 1000)
    if fault.kind == "too-many-requests-v1":
        body: Json = {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
        return RefusedRequest(429, body, headers)
    if fault.kind == "enhance-your-calm":
        return RefusedRequest(420, "Exceeded connection limit for user\r\n", headers)
    return RefusedRequest(429, generic(429, "Too Many Requests"), headers)


def _limit_headers(fault: PlannedFault, now: int) -> dict[str, str]:
    if fault.reset == "missing":
        return {}
    resets = {
        "normal": str(now + WINDOW_SECONDS),
        "past": str(now - 3_600),
        "far": str(now + 36_000),
        "garbage": "soon",
    }
    reset = str(now + fault.reset) if isinstance(fault.reset, int) else resets[fault.reset]
    return {
        "x-rate-limit-limit": "900",
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": reset,
    }
