"""A server on a loopback port that answers each connection by script, down to the single byte."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sfm.networks.meter import Meter
from sfm.twitter.auth import Auth, BearerAuth
from sfm.twitter.rate_limit import Limiter
from sfm.twitter.transport import Transport
from tests.twitter.memory_meter import MemoryMeter

TOKEN = "CANARY-bearer-token-0123456789"


def transport_to(
    root: str, auth: Auth | None = None, *, meter: Meter | None = None, **more: Any
) -> Transport:
    """Calls to what answers at this address, with limits and counts of their own."""
    return Transport(
        auth or BearerAuth(TOKEN),
        api_root=root,
        limiter=Limiter(),
        meter=meter or MemoryMeter(),
        **more,
    )


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


Answer = bytes | Callable[[socket.socket, Asked], None]


@dataclass
class Fake:
    """Answers requests in the order of `script`; the last answer serves all that follow.

    `route` may answer instead, by looking at the request. `asked` keeps every request, which is
    how a test proves that its fault fired.
    """

    script: list[Answer] = field(default_factory=list)
    route: Callable[[Asked], Answer] | None = None
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Fake:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for opened in [self._server, *self._open]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._server.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            asked = _read(connection)
            if asked is None:
                return
            with self._lock:
                number = len(self.asked)
                self.asked.append(asked)
                answer = (
                    self.route(asked)
                    if self.route
                    else self.script[min(number, len(self.script) - 1)]
                )
            if callable(answer):
                answer(connection, asked)
            elif asked.method == "HEAD" and b"\r\n\r\n" in answer:
                connection.sendall(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            else:
                connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
        connection.close()


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Asked(method, target, headers, body)


def answer(
    status: int = 200,
    body: object = b"",
    headers: dict[str, str] | None = None,
    *,
    kind: str = "application/json",
    length: int | None = None,
) -> bytes:
    """A whole answer. A length other than the body's makes a cut one."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": kind, "Content-Length": str(len(raw) if length is None else length)}
    lines |= {"Connection": "close"} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + raw


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def streamed(
    pieces: Iterable[bytes],
    *,
    end: bool = True,
    then: Callable[[socket.socket], None] | None = None,
) -> Answer:
    """A chunked stream of these pieces, ended properly, cut off, or left to `then`."""

    def send(connection: socket.socket, _asked: Asked) -> None:
        connection.sendall(STREAM_HEAD)
        for piece in pieces:
            connection.sendall(chunk(piece))
        if then is not None:
            then(connection)
        if end:
            connection.sendall(b"0\r\n\r\n")

    return send


def reset(connection: socket.socket) -> None:
    """Close with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hold(connection: socket.socket) -> None:
    """Keep the connection open in silence until the other side goes."""
    with contextlib.suppress(OSError):
        while connection.recv(1024):
            pass
