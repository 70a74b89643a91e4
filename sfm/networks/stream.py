"""What comes over a stream: lines, keep-alives, and why the connection ended or was refused."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from sfm.networks.errors import NetworkError, NoRules, Retry, Wait

BackoffKind = Literal["network", "http", "rate", "refused"]
StreamKind = Literal["filter", "sample"]
DisconnectKind = Literal["closed", "network", "silent", "told", "stopped"]


@dataclass(frozen=True)
class StreamLine:
    """One message, without its line end, byte for byte; `received` on the monotonic clock."""

    raw: bytes
    received: float


@dataclass(frozen=True)
class KeepAlive:
    """An empty line: the connection lives."""

    received: float


@dataclass(frozen=True)
class Skipped:
    """A line over 1 MiB was passed over; so many bytes of it."""

    size_bytes: int
    received: float


@dataclass(frozen=True)
class Disconnect:
    """The end of the connection, always the last event.

    `closed`: the server ended it properly; `network`: it broke; `silent`: nothing for 30 s;
    `told`: the network said why (`detail`) and ends it; `stopped`: we did. `partial_bytes` of an
    unfinished line were dropped.
    """

    kind: DisconnectKind
    reason: str
    backoff: BackoffKind = "network"
    detail: str = ""
    disconnect_type: str = ""
    partial_bytes: int = 0


Event = StreamLine | KeepAlive | Skipped | Disconnect


def backoff_kind(refusal: NetworkError) -> BackoffKind:
    """Which waits follow a refusal at connecting; `refused` where a person probably has to act.

    Rules that were just added may not be known to the stream yet: no rules are waited for.
    """
    if isinstance(refusal, Wait):
        return "rate"
    if isinstance(refusal, NoRules) or refusal.status == HTTPStatus.CONFLICT:
        return "http"
    if isinstance(refusal, Retry):
        return "http" if refusal.status is not None else "network"
    return "refused"
