"""What can go wrong on an open stream, on demand."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import NamedTuple

from sfm.sandbox.connections import Connection
from sfm.sandbox.faults import PlannedFault
from sfm.sandbox.problems import PROBLEM, Json
from sfm.sandbox.wire import HangUp

_DETAILS = {
    "OperationalDisconnect": "This stream has been disconnected for operational reasons.",
    "UpstreamOperationalDisconnect": (
        "This stream has been disconnected upstream for operational reasons."
    ),
    "ForceDisconnect": "This stream has been disconnected by the operator.",
    "SlowReader": "This stream has been disconnected because it reads too slowly.",
}
ENDING = ("disconnect", "eof", "fin", "rst")
_HUGE = 50_000_000
_PIECE = b"x" * 65_536


class FaultLine(NamedTuple):
    """Something to send; only posts count as lines."""

    data: bytes
    is_post: bool = True


def error_line(kind: str, *, bare: bool = False) -> bytes:
    """X's last words before it closes a stream; `bare`: not in `errors`, as it was seen once."""
    detail = _DETAILS.get(kind, "This stream has been disconnected.")
    problem: Json = {
        "title": "operational-disconnect",
        "disconnect_type": kind,
        "detail": detail,
        "type": f"{PROBLEM}operational-disconnect",
    }
    return json.dumps(problem if bare else {"errors": [problem]}).encode() + b"\r\n"


class Strikes:
    """The state that faults leave a connection in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stalled_until = 0.0
        self._quiet_until = 0.0
        self._piece_bytes: int | None = None
        self._tags = True
        self.copies = 1
        self.ended = False

    @property
    def stalled(self) -> bool:
        """Nothing goes out, not even keep-alives; posts wait."""
        return time.monotonic() < self._stalled_until

    @property
    def silent(self) -> bool:
        """No keep-alives either."""
        return self.stalled

    @property
    def quiet(self) -> bool:
        """Keep-alives only; posts are lost."""
        return time.monotonic() < self._quiet_until

    def rule_json(self, rule_id: str, tag: str | None) -> Json:
        """One of `matching_rules`."""
        return {"id": rule_id} | ({"tag": tag} if tag and self._tags else {})

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Data as it goes out: whole, or in chunks of a few bytes."""
        size = self._piece_bytes or len(data)
        for at in range(0, len(data), size):
            yield data[at : at + size]

    def strike(self, fault: PlannedFault) -> Iterator[bytes]:
        """What a fault sends; some raise HangUp, some only change what comes later."""
        yield from getattr(self, f"_{fault.kind.replace('-', '_')}")(fault)

    def _disconnect(self, fault: PlannedFault) -> Iterator[bytes]:
        kind = fault.disconnect_type
        yield error_line(kind, bare=fault.body == "bare")
        self.ended = True

    def _eof(self, _: PlannedFault) -> Iterator[bytes]:
        self.ended = True
        yield b""

    def _fin(self, fault: PlannedFault) -> Iterator[bytes]:
        yield self._half_a_line(fault)
        raise HangUp

    def _rst(self, fault: PlannedFault) -> Iterator[bytes]:
        yield self._half_a_line(fault)
        raise HangUp(reset=True)

    def _half_a_line(self, fault: PlannedFault) -> bytes:
        recent = self._connection.recent
        line = recent[-1] if recent else b'{"data":{"id":"1","text":"half a line"}}\r\n'
        return line[: len(line) // 2 if fault.at is None else fault.at]

    def _stall(self, fault: PlannedFault) -> Iterator[bytes]:
        self._stalled_until = time.monotonic() + fault.seconds
        yield b""

    def _keep_alives_only(self, fault: PlannedFault) -> Iterator[bytes]:
        self._quiet_until = time.monotonic() + fault.seconds
        yield b""

    def _garbage(self, fault: PlannedFault) -> Iterator[bytes]:
        body = '{"data":{"id":"1' if fault.body is None else fault.body
        yield body.encode("utf-8", "surrogatepass") + b"\r\n"

    def _huge_line(self, fault: PlannedFault) -> Iterator[bytes]:
        left = _HUGE if fault.at is None else fault.at
        while left > 0:
            yield _PIECE[:left]
            left -= len(_PIECE)
        yield b"\r\n"

    def _replay(self, fault: PlannedFault) -> Iterator[bytes]:
        lines = list(self._connection.recent)
        lines = lines if fault.at is None else lines[-fault.at :]
        random.Random(len(lines)).shuffle(lines)  # noqa: S311  (disorder, not a secret)
        yield b"".join(lines)

    def _duplicates(self, _: PlannedFault) -> Iterator[bytes]:
        self.copies = 2
        yield b""

    def _split(self, fault: PlannedFault) -> Iterator[bytes]:
        self._piece_bytes = fault.at or 1
        yield b""

    def _no_tags(self, _: PlannedFault) -> Iterator[bytes]:
        self._tags = False
        yield b""
