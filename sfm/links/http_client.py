"""One request over one connection, and the head of its response. HTTP/1.1, no more than is needed.

General clients read bodies that nobody wants, follow and repeat by themselves, and cost five times
as much; here the connection is dropped as soon as the head is read. The reasons and figures are in
docs/decisions/0014-own-link-client.md.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass

from sfm import __version__
from sfm.links.ssrf_guard import GuardedResolver, ResolvedHost
from sfm.links.urls import Target

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
CONNECT_SECONDS = 10.0
_MAX_ADDRESSES = 3
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_REQUEST = (
    "{method} {path} HTTP/1.1\r\n"
    "Host: {host}\r\n"
    f"User-Agent: SocialFeedManager/{__version__} (link check; archives posts)\r\n"
    "Accept: text/html,*/*;q=0.5\r\n"
    "Accept-Encoding: {encoding}\r\n"
    "Connection: close\r\n\r\n"
)


class BadAnswer(Exception):
    """What came is no HTTP response."""


class TooLarge(Exception):
    """The head of the response is longer than MAX_HEAD_BYTES or has too many headers."""


class Dropped(ConnectionError):
    """The connection ended before the head of the answer was there."""


@dataclass(frozen=True)
class ResponseHead:
    """Status and headers as received; `body` what was read of it where that was wanted."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def get(self, name: str) -> str:
        """The first header of this name, empty where there is none."""
        low = name.lower()
        return next((value for known, value in self.headers if known.lower() == low), "")


async def request_head(
    target: Target,
    method: str,
    *,
    resolver: GuardedResolver,
    trusted: ssl.SSLContext,
    body_bytes: int = 0,
) -> ResponseHead:
    """Request this target. `body_bytes`: read up to so much of a page's body.

    Raises NotPublic, gaierror, ssl.SSLError, OSError, Dropped, BadAnswer, TooLarge. The caller
    sets the time-out.
    """
    protocol = await _connect(target, resolver, trusted, body_bytes)
    host = target.url.split("/", 3)[2]
    path = "/" + target.url.split("/", 3)[3]
    encoding = "gzip" if body_bytes else "identity"
    text = _REQUEST.format(method=method, path=path, host=host, encoding=encoding)
    try:
        protocol.send(text.encode("ascii"))
        return await protocol.answer
    finally:
        protocol.drop()


async def _connect(
    target: Target, resolver: GuardedResolver, trusted: ssl.SSLContext, body_bytes: int
) -> _ResponseProtocol:
    """A connection to the first address that takes one; all were checked before the first."""
    fault: OSError = OSError("no address")
    secured_by = trusted if target.scheme == "https" else None
    for host in (await resolver.resolve(target))[:_MAX_ADDRESSES]:
        try:
            return await _connect_to(host, target, resolver, secured_by, body_bytes)
        except ssl.SSLError:
            raise
        except OSError as exc:  # TimeoutError is one
            fault = exc
    raise fault


async def _connect_to(
    host: ResolvedHost,
    target: Target,
    resolver: GuardedResolver,
    trusted: ssl.SSLContext | None,
    body_bytes: int,
) -> _ResponseProtocol:
    loop = asyncio.get_running_loop()
    sock = resolver.open_socket(host)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.sock_connect(sock, (host.address, target.port))
            _transport, protocol = await loop.create_connection(
                lambda: _ResponseProtocol(body_bytes),
                sock=sock,
                ssl=trusted,
                server_hostname=target.host if trusted else None,
            )
        return protocol
    except BaseException:
        sock.close()
        raise


class _ResponseProtocol(asyncio.Protocol):
    """Collects the head of one answer, and the beginning of its body where that is wanted."""

    def __init__(self, body_bytes: int) -> None:
        self.answer: asyncio.Future[ResponseHead] = asyncio.get_running_loop().create_future()
        self._body_bytes = body_bytes
        self._data = b""
        self._head: ResponseHead | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self._transport = transport

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def drop(self) -> None:
        """Close the connection, whatever is still under way."""
        if self._transport is not None:
            self._transport.abort()
        if not self.answer.done():
            self.answer.cancel()
        elif not self.answer.cancelled():
            self.answer.exception()  # looked at, so that asyncio does not complain

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        self._data += data
        try:
            self._read()
        except (BadAnswer, TooLarge) as exc:
            self.answer.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer.done():
            return
        if self._head is not None:
            self._finish(self._data)
        else:
            broken = exc if isinstance(exc, ssl.SSLError) else None
            self.answer.set_exception(broken or Dropped("the connection ended without an answer"))

    def _read(self) -> None:
        while self._head is None:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                if len(self._data) > MAX_HEAD_BYTES:
                    raise TooLarge
                if len(self._data) > 16 and not self._data.startswith(b"HTTP/1."):
                    raise BadAnswer
                return
            head, self._data = _parse(self._data[:end]), self._data[end + 4 :]
            self._head = head if head.status >= 200 else None  # 1xx announces the real one
        if len(self._data) >= self._wanted() or self._is_whole():
            self._finish(self._data)

    def _wanted(self) -> int:
        is_page = self._head is not None and self._head.status == 200
        return self._body_bytes if is_page else 0

    def _is_whole(self) -> bool:
        length = self._head.get("Content-Length") if self._head else ""
        chunked_end = self._data.endswith(b"0\r\n\r\n")
        return chunked_end or (
            length.isascii() and length.isdigit() and len(self._data) >= int(length[:9])
        )

    def _finish(self, body: bytes) -> None:
        if self._head is None or self.answer.done():
            return
        if "chunked" in self._head.get("Transfer-Encoding").lower():
            body = _unchunked(body)
        self.answer.set_result(
            ResponseHead(self._head.status, self._head.headers, body[: self._wanted()])
        )


def _parse(head: bytes) -> ResponseHead:
    if len(head) > MAX_HEAD_BYTES:
        raise TooLarge
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BadAnswer
    if len(lines) > MAX_HEADERS:
        raise TooLarge
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and _NAME.fullmatch(name):
            headers.append((name.decode("ascii"), _text(value.strip(b" \t"))))
    return ResponseHead(int(status[1]), tuple(headers))


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _unchunked(body: bytes) -> bytes:
    """What there is of a chunked body; ends at the first piece that is none."""
    decoded, at = b"", 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = body[at:end].partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size) or int(size, 16) == 0:
            break
        decoded += body[end + 2 : end + 2 + int(size, 16)]
        at = end + 4 + int(size, 16)
    return decoded
