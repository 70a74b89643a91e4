"""Calls to supervisord over its unix socket: XML-RPC with time-outs.

The transport that comes with supervisor keeps its connection, which is stale after a restart, and
waits for ever. This one connects for each call and never waits longer than it is told.
"""

from __future__ import annotations

import http.client
import os
import socket

# What answers is our own supervisord, behind a socket that only its user can open.
import xmlrpc.client  # nosec B411
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from sfm.errors import SfmError
from sfm.messages import Message

# Source: supervisor/xmlrpc.py, class Faults.
SHUTDOWN_STATE = 6
BAD_NAME = 10
NO_FILE = 20
NOT_EXECUTABLE = 21
FAILED = 30
ABNORMAL_TERMINATION = 40
SPAWN_ERROR = 50
ALREADY_STARTED = 60
NOT_RUNNING = 70
ALREADY_ADDED = 90
STILL_RUNNING = 91
CANT_REREAD = 92

READ_CALLS = {"getAllProcessInfo", "getState", "getPID", "getProcessInfo"}


class NoAnswer(SfmError):
    """supervisord could not be asked. `state` is absent, refused, stuck or garbled."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class SupervisordFault(SfmError):
    """supervisord answered that it cannot do what was asked. `detail` is for administrators."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(MESSAGES.get(code, Message("supervisord could not do what was asked.")))
        self.code = code
        self.detail = detail


MESSAGES = {
    SHUTDOWN_STATE: Message("supervisord is stopping; what was asked is done when it is back."),
    BAD_NAME: Message("supervisord does not know this process yet; it is told at the next round."),
    NO_FILE: Message(
        "The program that should run is not there; the installation has to be repaired."
    ),
    NOT_EXECUTABLE: Message("The program may not be run; the installation has to be repaired."),
    ABNORMAL_TERMINATION: Message(
        "The process stopped as soon as it was started; its log says why."
    ),
    SPAWN_ERROR: Message("The process could not be started; its log says why."),
    ALREADY_STARTED: Message("The process is running already."),
    NOT_RUNNING: Message("The process is stopped already."),
    ALREADY_ADDED: Message("supervisord knows this process already."),
    STILL_RUNNING: Message(
        "The process is still closing its file; it is taken away at the next round."
    ),
    CANT_REREAD: Message(
        "supervisord cannot read its configuration; an administrator has to repair it."
    ),
}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self.path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__()
        self.path, self.timeout_seconds = path, timeout_seconds

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        """One try only: the library's own would send a start or stop a second time."""
        return self.single_request(host, handler, request_body, verbose)

    def make_connection(self, host: Any) -> _Connection:
        connection = _Connection(self.path, self.timeout_seconds)
        self._connection = (host, connection)  # so that close() finds it
        return connection


def call(path: Path, method: str, *arguments: Any, timeout_seconds: float = 5.0) -> Any:
    """One call of `supervisor.<method>`. Raises NoAnswer and Fault.

    Calls that only read are made a second time where the first met a supervisord that just went.
    """
    try:
        return _call(path, method, arguments, timeout_seconds)
    except NoAnswer as exc:
        if method not in READ_CALLS or exc.state in {"stuck", "refused"}:
            raise
    return _call(path, method, arguments, timeout_seconds)


def _call(path: Path, method: str, arguments: tuple[Any, ...], timeout_seconds: float) -> Any:
    transport = _Transport(path, timeout_seconds)
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport, allow_none=True)
    function: Callable[..., Any] = getattr(proxy.supervisor, method)
    try:
        return function(*arguments)
    except xmlrpc.client.Fault as exc:
        raise SupervisordFault(exc.faultCode, exc.faultString) from exc
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as exc:
        raise no_answer(exc) from exc
    finally:
        transport.close()


def no_answer(exc: Exception) -> NoAnswer:
    """What a failed call says about supervisord, in words that say what to do next."""
    locked = isinstance(exc, xmlrpc.client.ProtocolError) and exc.errcode in {401, 403}
    if locked or isinstance(exc, PermissionError):
        return NoAnswer("refused", Message("supervisord does not let this user speak to it."))
    if isinstance(exc, TimeoutError | BlockingIOError):
        return NoAnswer("stuck", Message("supervisord is there but does not answer."))
    if isinstance(exc, OSError | http.client.HTTPException):
        return NoAnswer("absent", Message("supervisord is not running."))
    return NoAnswer("garbled", Message("What answered at supervisord's socket is not supervisord."))
