"""A proxy before the sandbox whose JSON answers come indented, over many lines."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class IndentingProxy:
    """Passes each GET on to `upstream`, and its JSON answer back with an indentation of two."""

    def __init__(self, upstream: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.upstream = upstream  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> IndentingProxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """In silence."""

    def do_GET(self) -> None:
        address = self.server.upstream + self.path  # type: ignore[attr-defined]
        request = urllib.request.Request(
            address, headers={"Authorization": self.headers["Authorization"]}
        )
        with urllib.request.urlopen(request) as answer:
            body = json.dumps(json.loads(answer.read()), indent=2, ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
