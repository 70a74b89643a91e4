"""Stream connections: who is connected, since when, and why it ended."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass, field

from werkzeug.wrappers import Request

from sfm.sandbox import problems
from sfm.sandbox.clock import iso
from sfm.sandbox.problems import PROBLEM, Json

_KEPT_LINES = 5_000
_KEPT_CONNECTIONS = 1_000


@dataclass
class Connection:
    """One stream that is or was open. The `reason` is there once it has ended."""

    endpoint: str
    app: str
    client_ip: str
    connected_ms: int
    request: Request
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    disconnected_ms: int | None = None
    reason: str = ""
    lines: int = 0
    size_bytes: int = 0
    killed: str = ""
    pushed: deque[bytes] = field(default_factory=deque)
    recent: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    wake: threading.Event = field(default_factory=threading.Event)

    def as_json(self, fields: set[str]) -> Json:
        """As GET /2/connections shows it."""
        everything: Json = {
            "id": self.id,
            "endpoint_name": self.endpoint,
            "connected_at": iso(self.connected_ms),
            "client_ip": self.client_ip,
        }
        if self.disconnected_ms is not None:
            everything["disconnected_at"] = iso(self.disconnected_ms)
            everything["disconnect_reason"] = self.reason
        return {name: value for name, value in everything.items() if name in fields}


class Streams:
    """All connections of one sandbox, and how streams behave.

    `keep_alive` is in seconds; `most` connections of one kind per app are allowed; a further one is
    refused, or with `second="replace"` it ends the first. `sample_percent` of all posts are
    sampled.
    `needs_rules`: a filtered stream without any rule is a 409.
    """

    def __init__(self) -> None:
        self.keep_alive = 20.0
        self.tick = 0.05
        self.most = 1
        self.second = "refuse"
        self.sample_percent = 20
        self.needs_rules = True
        self.connections: list[Connection] = []
        self._lock = threading.Lock()

    def active(self, app: str | None = None, endpoint: str | None = None) -> list[Connection]:
        """Open connections, of one app and endpoint if those are given."""
        return [
            connection
            for connection in list(self.connections)
            if connection.disconnected_ms is None
            and app in (None, connection.app)
            and endpoint in (None, connection.endpoint)
        ]

    def push(self, line: bytes) -> int:
        """Send bytes as they stand down every open connection; gives how many there are."""
        open_now = self.active()
        for connection in open_now:
            connection.pushed.append(line)
            connection.wake.set()
        return len(open_now)

    def kill(self, connection: Connection, kind: str = "ForceDisconnect") -> None:
        """End a connection with X's in-stream error of this disconnect_type."""
        connection.killed = kind
        connection.wake.set()

    def open(self, endpoint: str, app: str, request: Request, now_ms: int) -> Connection:
        """Register a connection. Raises Refused (429) if the app has its full number of them."""
        with self._lock:
            others = self.active(app, endpoint)
            if len(others) >= self.most:
                if self.second != "replace":
                    raise too_many_connections()
                self.kill(others[0])
                others[0].disconnected_ms = now_ms
            client_ip = request.remote_addr or ""
            connection = Connection(endpoint, app, client_ip, now_ms, request)
            past = [closed for closed in self.connections if closed.disconnected_ms is not None]
            for closed in past[:-_KEPT_CONNECTIONS]:
                self.connections.remove(closed)
            self.connections.append(connection)
        return connection

    def wake(self) -> None:
        """Have every connection look for news at once."""
        for connection in self.active():
            connection.wake.set()


def too_many_connections() -> problems.RefusedRequest:
    """429: the app is connected already."""
    body = {
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
        "type": f"{PROBLEM}streaming-connection",
    }
    return problems.RefusedRequest(429, body)
