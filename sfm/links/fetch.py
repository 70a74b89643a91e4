"""The one door through which addresses from tweets are asked for. Hostile until proven otherwise.

HEAD first, GET where HEAD is refused; redirects by our own loop, each hop through the fence; no
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

from sfm.links.html_head import LARGEST, PageFacts, read_page, unpacked
from sfm.links.http_client import BadAnswer, Dropped, Head, TooLarge, ask
from sfm.links.outcomes import Outcome, outcome_of
from sfm.links.rate_limit import HostGate, HostLimits
from sfm.links.ssrf_guard import GuardedResolver, Lookup, NotPublic, SsrfGuard, look_up
from sfm.links.urls import RefusedUrl, Target, read_location, read_url

logger = logging.getLogger(__name__)

LINK_SECONDS = 20.0  # of one link's network time, over all its hops
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED = frozenset({400, 403, 404, 405, 406, 501})
_KEPT_HEADERS, _KEPT_VALUE = 40, 1000
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
    """One question and its answer. `status` is None where none came."""

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
    page: PageFacts = PageFacts()
    seconds: float = 0.0
    detail: str = ""


@dataclass
class _Trip:
    """One link under way."""

    start_url: str
    left: float
    hops: list[Hop] = field(default_factory=list)
    page: PageFacts = PageFacts()

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
        fence: SsrfGuard | None = None,
        manners: HostLimits | None = None,
        width: int = 200,
        wants_titles: bool = False,
        link_seconds: float = LINK_SECONDS,
        lookup: Lookup = look_up,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._fence = fence or SsrfGuard()
        self._manners = manners or HostLimits()
        self._width = width
        self._wants_titles = wants_titles
        self._link_seconds = link_seconds
        self._lookup = lookup
        self._trusted = trusted

    async def __aenter__(self) -> Fetcher:
        self._gate = HostGate(self._manners)
        self._places = asyncio.Semaphore(self._width)
        self._resolver = GuardedResolver(self._fence, self._lookup)
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
        trip = _Trip(url, self._link_seconds)
        try:
            return await self._go(trip)
        except RefusedUrl as why:
            return trip.end(why.outcome, str(why))
        except TimeoutError:
            return trip.end("timeout")
        except (BadAnswer, TooLarge, OSError) as exc:
            return trip.end(_outcome_of_fault(exc), _words(exc))
        except Exception as exc:  # one odd answer must not cost the others theirs
            logger.warning("link failed unexpectedly cause=%s", type(exc).__name__)
            return trip.end("bad_answer", type(exc).__name__)

    async def _go(self, trip: _Trip) -> Followed:
        target = self._read(trip.start_url)
        seen = {target.url}
        while True:
            location = await self._ask(trip, target)
            if location is None:
                last = trip.hops[-1]
                return trip.end(outcome_of(last.status or 0), url=target.url)
            if len(seen) > MOST_REDIRECTS:
                return trip.end("too_many_redirects", url=target.url)
            target = self._read(read_location(target, location))
            if target.url in seen:
                return trip.end("too_many_redirects", "a circle", url=target.url)
            seen.add(target.url)

    def _read(self, text: str) -> Target:
        target = read_url(text, ports=self._fence.ports, own_names=self._fence.own_names)
        if target.literal is not None:
            try:
                self._fence.check(str(target.literal))
            except NotPublic as why:
                raise RefusedUrl("not_public", str(why)) from None
        return target

    async def _ask(self, trip: _Trip, target: Target) -> str | None:
        """Ask, and ask again by GET if need be. Gives where a redirect leads, else None."""
        try:
            hop, location = await self._once(trip, target, "HEAD")
        except (BadAnswer, Dropped):
            return (await self._once(trip, target, "GET"))[1]  # some cannot answer HEAD at all
        wants_page = self._wants_titles and location is None and hop.status == 200
        if hop.status in _HEAD_REFUSED or wants_page:
            hop, location = await self._once(trip, target, "GET")
        return location

    async def _once(self, trip: _Trip, target: Target, method: str) -> tuple[Hop, str | None]:
        loop = asyncio.get_running_loop()
        async with self._gate.turn(target.host), self._places:
            start = loop.time()
            hop = Hop(target.url, method)
            try:
                async with asyncio.timeout(max(trip.left, 0)):
                    hop, location = await self._exchange(trip, target, method)
            finally:
                seconds = loop.time() - start
                trip.left -= seconds
                trip.hops.append(Hop(hop.url, hop.method, hop.status, hop.headers, seconds))
        return hop, location

    async def _exchange(self, trip: _Trip, target: Target, method: str) -> tuple[Hop, str | None]:
        wants_page = method == "GET" and self._wants_titles
        head = await ask(
            target,
            method,
            resolver=self._resolver,
            trusted=self._tls,
            body_bytes=LARGEST if wants_page else 0,
        )
        if wants_page:
            trip.page = _page(head)
        redirects = head.status in _REDIRECTS and head.get("Location")
        return Hop(target.url, method, head.status, _kept(head)), redirects or None


def _page(head: Head) -> PageFacts:
    kind = head.get("Content-Type").lower()
    if "html" not in kind or not head.body:
        return PageFacts()
    charset = _CHARSET.search(kind)
    body = unpacked(head.body, head.get("Content-Encoding"))
    return read_page(body, charset[1] if charset else "")


def _kept(head: Head) -> dict[str, str]:
    """The headers to keep: not all of them, and not at any length."""
    pairs = head.headers[:_KEPT_HEADERS]
    return {name: value[:_KEPT_VALUE].replace("\x00", "\ufffd") for name, value in pairs}


def _outcome_of_fault(exc: BaseException) -> Outcome:
    for kind, outcome in _FAULTS:
        if isinstance(exc, kind):
            return outcome
    return "connection"


def _words(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}".encode("utf-8", "replace").decode()
