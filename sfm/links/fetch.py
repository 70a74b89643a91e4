"""Following links: the only code that requests addresses that posts name. They may be hostile.

HEAD first, GET where HEAD is refused; redirects by our own loop, each hop past the SSRF guard; no
body is read but 64 KiB of a page whose title is wanted. Every link gets an outcome; nothing raises.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from types import TracebackType

from sfm.links.html_head import MAX_BODY_BYTES, PageHead, decompress, read_page
from sfm.links.http_client import BadAnswer, Dropped, ResponseHead, TooLarge, request_head
from sfm.links.outcomes import Outcome, outcome_of
from sfm.links.rate_limit import HostLimits, HostRateLimiter
from sfm.links.ssrf_guard import GuardedResolver, Lookup, NotPublic, SsrfGuard, look_up
from sfm.links.urls import RefusedUrl, Target, read_location, read_url

logger = logging.getLogger(__name__)

LINK_SECONDS = 20.0  # of one link's network time, over all its hops
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED = frozenset({400, 403, 404, 405, 406, 501})
_MAX_HEADERS, _MAX_HEADER_CHARS = 40, 1000
_CHARSET = re.compile(r"charset=[\"']?([a-z0-9_.:-]{1,40})")
_FAULTS: tuple[tuple[type[BaseException], Outcome], ...] = (
    (NotPublic, "not_public"),
    (ssl.SSLError, "tls"),
    (socket.gaierror, "dns"),
    (TooLarge, "too_large"),
    (BadAnswer, "bad_answer"),
)


@dataclass(frozen=True)
class Hop:
    """One request and its response. `status` is None where none came."""

    url: str
    method: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Followed:
    """Where a link leads. `seconds` is the network time spent; `detail` is for administrators."""

    start_url: str
    outcome: Outcome
    hops: tuple[Hop, ...] = ()
    final_url: str = ""
    final_status: int | None = None
    final_headers: dict[str, str] = field(default_factory=dict)
    page: PageHead = PageHead()
    seconds: float = 0.0
    detail: str = ""


@dataclass
class _Progress:
    """A link that is being followed: hops so far, and seconds of network time left."""

    start_url: str
    left: float
    hops: list[Hop] = field(default_factory=list)
    page: PageHead = PageHead()

    def end(self, outcome: Outcome, detail: str = "", url: str = "") -> Followed:
        last = self.hops[-1] if self.hops else Hop("", "")
        return Followed(
            self.start_url,
            outcome,
            tuple(self.hops),
            url or last.url,
            last.status,
            last.headers,
            self.page,
            sum(hop.seconds for hop in self.hops),
            detail[:300],
        )


class Fetcher:
    """Follows links. To be used as `async with`, within one event loop."""

    def __init__(
        self,
        *,
        guard: SsrfGuard | None = None,
        limits: HostLimits | None = None,
        width: int = 200,
        wants_titles: bool = False,
        link_seconds: float = LINK_SECONDS,
        lookup: Lookup = look_up,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard or SsrfGuard()
        self._limits = limits or HostLimits()
        self._width = width
        self._wants_titles = wants_titles
        self._link_seconds = link_seconds
        self._lookup = lookup
        self._trusted = trusted

    async def __aenter__(self) -> Fetcher:
        self._host_limiter = HostRateLimiter(self._limits)
        self._places = asyncio.Semaphore(self._width)
        self._resolver = GuardedResolver(self._guard, self._lookup)
        self._tls = self._trusted or ssl.create_default_context()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resolver.close()

    async def follow_all(self, urls: Iterable[str]) -> AsyncGenerator[Followed, None]:
        """Every one of these links with its outcome, as they come in; each url once is enough."""
        waiting = iter(urls)
        done: asyncio.Queue[Followed | None] = asyncio.Queue(maxsize=self._width * 2)
        workers = [asyncio.create_task(self._work(waiting, done)) for _ in range(self._width * 4)]
        open_workers = len(workers)
        try:
            while open_workers:
                followed = await done.get()
                if followed is None:
                    open_workers -= 1
                else:
                    yield followed
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, waiting: Iterable[str], done: asyncio.Queue[Followed | None]) -> None:
        for url in waiting:
            await done.put(await self.follow(url))
        await done.put(None)

    async def follow(self, url: str) -> Followed:
        """One link with its outcome. Raises nothing but cancellation."""
        progress = _Progress(url, self._link_seconds)
        try:
            return await self._follow_hops(progress)
        except RefusedUrl as why:
            return progress.end(why.outcome, str(why))
        except TimeoutError:
            return progress.end("timeout")
        except (BadAnswer, TooLarge, OSError) as exc:
            return progress.end(_outcome_of_fault(exc), _describe(exc))
        except Exception as exc:  # one odd answer must not cost the others theirs
            logger.warning("link failed unexpectedly cause=%s", type(exc).__name__)
            return progress.end("bad_answer", type(exc).__name__)

    async def _follow_hops(self, progress: _Progress) -> Followed:
        target = self._read(progress.start_url)
        seen = {target.url}
        while True:
            location = await self._ask(progress, target)
            if location is None:
                last = progress.hops[-1]
                return progress.end(outcome_of(last.status or 0), url=target.url)
            if len(seen) > MAX_REDIRECTS:
                return progress.end("too_many_redirects", url=target.url)
            target = self._read(read_location(target, location))
            if target.url in seen:
                return progress.end("too_many_redirects", "a circle", url=target.url)
            seen.add(target.url)

    def _read(self, text: str) -> Target:
        target = read_url(text, ports=self._guard.ports, own_names=self._guard.own_names)
        if target.literal is not None:
            try:
                self._guard.check(str(target.literal))
            except NotPublic as why:
                raise RefusedUrl("not_public", str(why)) from None
        return target

    async def _ask(self, progress: _Progress, target: Target) -> str | None:
        """Request by HEAD, and by GET if need be. Gives where a redirect leads, else None."""
        try:
            hop, location = await self._request(progress, target, "HEAD")
        except (BadAnswer, Dropped):
            return (await self._request(progress, target, "GET"))[
                1
            ]  # some cannot answer HEAD at all
        wants_page = self._wants_titles and location is None and hop.status == 200
        if hop.status in _HEAD_REFUSED or wants_page:
            hop, location = await self._request(progress, target, "GET")
        return location

    async def _request(
        self, progress: _Progress, target: Target, method: str
    ) -> tuple[Hop, str | None]:
        loop = asyncio.get_running_loop()
        async with self._host_limiter.turn(target.host), self._places:
            start = loop.time()
            hop = Hop(target.url, method)
            try:
                async with asyncio.timeout(max(progress.left, 0)):
                    hop, location = await self._exchange(progress, target, method)
            finally:
                seconds = loop.time() - start
                progress.left -= seconds
                progress.hops.append(Hop(hop.url, hop.method, hop.status, hop.headers, seconds))
        return hop, location

    async def _exchange(
        self, progress: _Progress, target: Target, method: str
    ) -> tuple[Hop, str | None]:
        wants_page = method == "GET" and self._wants_titles
        head = await request_head(
            target,
            method,
            resolver=self._resolver,
            trusted=self._tls,
            body_bytes=MAX_BODY_BYTES if wants_page else 0,
        )
        if wants_page:
            progress.page = _page_head(head)
        redirects = head.status in _REDIRECTS and head.get("Location")
        return Hop(target.url, method, head.status, _kept_headers(head)), redirects or None


def _page_head(head: ResponseHead) -> PageHead:
    kind = head.get("Content-Type").lower()
    if "html" not in kind or not head.body:
        return PageHead()
    charset = _CHARSET.search(kind)
    body = decompress(head.body, head.get("Content-Encoding"))
    return read_page(body, charset[1] if charset else "")


def _kept_headers(head: ResponseHead) -> dict[str, str]:
    """The headers to keep: not all of them, and not at any length."""
    pairs = head.headers[:_MAX_HEADERS]
    return {name: value[:_MAX_HEADER_CHARS].replace("\x00", "\ufffd") for name, value in pairs}


def _outcome_of_fault(exc: BaseException) -> Outcome:
    for kind, outcome in _FAULTS:
        if isinstance(exc, kind):
            return outcome
    return "connection"


def _describe(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}".encode("utf-8", "replace").decode()
