"""A small threaded HTTP/1.1 server for the sandbox: keeps connections, sends chunks as they are
handed over, and can hang up in the middle, which no ordinary server lets an application do.
"""

from __future__ import annotations

import logging
import socket
import struct
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from itertools import chain
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import unquote

logger = logging.getLogger(__name__)

_MAX_BODY_BYTES = 5_000_000
_WSGI: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


class HangUp(Exception):
    """Raised by an answer's body: end the connection here. `reset`: by RST, not FIN."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("hang up")
        self.reset = reset


class Handler(BaseHTTPRequestHandler):
    """One connection: requests in, the WSGI application's answers out."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    server: WireServer

    def answer(self) -> None:
        """Run the application for the request that has just been read."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            self.close_connection = True
            self.send_error(413)
        else:
            self._run_application(self.rfile.read(int(length)))

    def _run_application(self, body: bytes) -> None:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            started.append((status, headers))

        parts = self.server.app(self._environ(body), start_response)
        try:
            self._send(parts, started)
        except HangUp as how:
            self._hang_up(reset=how.reset)
        except (ConnectionError, TimeoutError, ValueError):
            self.close_connection = True
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = do_PATCH = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet."""
        logger.debug("sandbox %s", format % args)

    def _send(
        self, parts: Iterable[bytes], started: list[tuple[str, list[tuple[str, str]]]]
    ) -> None:
        chunked, head, sent = False, b"", 0
        promised: int | None = None
        for part in chain(parts, [b""]):  # the head goes out even where there is no part
            if not head:
                head, promised = self._head(*started[0])
                chunked = promised is None
                self.wfile.write(head + self._framed(part, chunked))
            elif part:
                self.wfile.write(self._framed(part, chunked))
            sent += len(part)
        if chunked and self.command != "HEAD":
            self.wfile.write(b"0\r\n\r\n")
        elif promised is not None and sent < promised and self.command != "HEAD":
            self.close_connection = True

    def _framed(self, part: bytes, chunked: bool) -> bytes:
        if not part or self.command == "HEAD":
            return b""
        return b"%x\r\n%b\r\n" % (len(part), part) if chunked else part

    def _head(self, status: str, headers: list[tuple[str, str]]) -> tuple[bytes, int | None]:
        names = {name.lower(): value for name, value in headers}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        self.close_connection |= names.get("connection", "").lower() == "close"
        promised = names.get("content-length")
        if promised is None:
            lines.append("Transfer-Encoding: chunked")
        if self.close_connection and "connection" not in names:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head, int(promised) if promised is not None else None

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.server.reset_on_close(self.connection)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ = _WSGI | {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "sandbox.socket": self.connection,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
        }
        return environ | self._header_variables()

    def _header_variables(self) -> dict[str, str]:
        variables: dict[str, str] = {}
        for name, value in self.headers.items():
            key = f"HTTP_{name.upper().replace('-', '_')}"
            variables[key] = f"{variables[key]},{value}" if key in variables else value
        return variables


class WireServer(ThreadingMixIn, HTTPServer):
    """Listens, one thread a connection. `close_all` ends the connections that are open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], app: Any) -> None:
        super().__init__(address, Handler)
        self.app = app
        self._open: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def reset_on_close(self, connection: socket.socket) -> None:
        """End this connection without a farewell, so that the peer sees it reset."""
        self._resets.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, then serve it in a thread of its own."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, by FIN or (see `reset_on_close`) by RST."""
        with self._lock:
            self._open.discard(request)
        if request in self._resets:
            self._resets.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def close_all(self) -> None:
        """Hang up on everybody."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is no news; anything else is a fault of the sandbox."""
        if not isinstance(sys.exception(), ConnectionError):
            logger.exception("sandbox: a request failed")
