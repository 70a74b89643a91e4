"""X's filter stream on a loopback port, with a script for each connection. It judges nothing:
it says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Line:
    """One open stream connection, as the script of a test sees it."""

    def __init__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        self.handler, self.number = handler, number
        self.gone = False

    @property
    def fake(self) -> FakeX:
        return self.handler.server.fake  # type: ignore[attr-defined, no-any-return]

    def raw(self, data: bytes) -> None:
        """Bytes as one chunk of the body."""
        try:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.handler.wfile.flush()
        except OSError:
            self.gone = True

    def post(self, number: int, rules: list[dict[str, str]] | None = None, text: str = "x") -> None:
        """One post, with the rules it matched (those the server holds, if none are named)."""
        body = {
            "data": {"id": str(number), "text": text},
            "matching_rules": rules or self.fake.matching,
        }
        self.raw(json.dumps(body, separators=(",", ":")).encode() + b"\r\n")

    def keep_alive(self) -> None:
        self.raw(b"\r\n")

    def hold(self, seconds: float = 3600, every: float = 0.2) -> None:
        """Keep-alives until the other side is gone or the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.gone and not self.fake.closing.is_set():
            self.keep_alive()
            time.sleep(every)

    def reset(self) -> None:
        """End with RST."""
        self.handler.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.handler.connection.close()

    def end(self) -> None:
        """End the body as HTTP says."""
        self.raw_end()

    def raw_end(self) -> None:
        try:
            self.handler.wfile.write(b"0\r\n\r\n")
            self.handler.wfile.flush()
        except OSError:
            self.gone = True


Script = Callable[[Line], None]
Refusal = tuple[int, dict[str, str], Any]


class FakeX:
    """The server. `scripts` are used up one by one; the last stays for all that come later."""

    def __init__(self, *scripts: Script | Refusal, host: str = "127.0.0.1") -> None:
        self.scripts: list[Script | Refusal] = list(scripts)
        self.rules: dict[str, dict[str, str]] = {}
        self.connects: list[float] = []
        self.rule_calls: list[str] = []
        self.closing = threading.Event()
        self.tokens: list[str] = []
        self._next_rule = 1000
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((host, 0), _Handler)
        self._server.daemon_threads = True
        self._server.fake = self  # type: ignore[attr-defined]
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def matching(self) -> list[dict[str, str]]:
        return [{"id": rule["id"], "tag": rule["tag"]} for rule in self.rules.values()]

    def __enter__(self) -> FakeX:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next_script(self) -> tuple[Script | Refusal, int]:
        with self._lock:
            self.connects.append(time.monotonic())
            script = self.scripts[0] if len(self.scripts) == 1 else self.scripts.pop(0)
            return script, len(self.connects)

    def add_rules(self, entries: list[dict[str, str]]) -> dict[str, Any]:
        added, errors = [], []
        for entry in entries:
            if entry["value"] in self.rules:
                known = self.rules[entry["value"]]
                errors.append(
                    {"title": "DuplicateRule", "value": entry["value"], "id": known["id"]}
                )
                continue
            self._next_rule += 1
            rule = {
                "id": str(self._next_rule),
                "value": entry["value"],
                "tag": entry.get("tag", ""),
            }
            self.rules[entry["value"]] = rule
            added.append(rule)
        return {"data": added, "errors": errors, "meta": {"summary": {"created": len(added)}}}

    def delete_rules(self, ids: list[str]) -> dict[str, Any]:
        self.rules = {value: rule for value, rule in self.rules.items() if rule["id"] not in ids}
        return {"meta": {"summary": {"deleted": len(ids)}}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """In silence."""

    @property
    def fake(self) -> FakeX:
        return self.server.fake  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.fake.tokens.append(self.headers.get("Authorization", ""))
        if path.endswith("/stream/rules"):
            rules = list(self.fake.rules.values())
            self.answer(200, {"data": rules, "meta": {"result_count": len(rules)}})
        elif path.endswith("/stream"):
            self.stream()
        else:
            self.answer(404, {"title": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.rule_calls += list(body)
        if "add" in body:
            self.answer(201, self.fake.add_rules(body["add"]))
        else:
            self.answer(200, self.fake.delete_rules(body["delete"]["ids"]))

    def stream(self) -> None:
        of_filters = "/search/" in self.path
        if of_filters and not self.fake.rules and not isinstance(self.fake.scripts[0], tuple):
            self.answer(409, {"title": "ConnectionException", "detail": "There are no rules."})
            return
        script, number = self.fake.next_script()
        if isinstance(script, tuple):
            status, headers, body = script
            self.answer(status, body, headers)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        try:
            script(Line(self, number))
        except OSError:
            return

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
