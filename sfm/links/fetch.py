"""The one door through which addresses from tweets are asked for. Hostile until proven otherwise.

HEAD first, GET where HEAD is refused; redirects by our own loop, each hop through the fence; no
body is read but 64 KiB of a page whose title is wanted. Every link gets an outcome; nothing raises.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp
from yarl import URL

from sfm import __version__
from sfm.links.outcomes import Outcome, outcome_of
from sfm.links.page import LARGEST, PageFacts, read_page, unpacked
from sfm.links.politeness import HostGate, Manners
from sfm.links.resolver import Fence, FencedResolver, Lookup, NotPublic, look_up, socket_factory
from sfm.links.urls import LONGEST, Refused, Target, read_location, read_url

logger = logging.getLogger(__name__)

LINK_SECONDS = 20.0  # of one link's network time, over all its hops
CONNECT_SECONDS = 10.0
MOST_REDIRECTS = 5
USER_AGENT = f"SocialFeedManager/{__version__} (link check; archives tweets)"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_REFUSED = frozenset({400, 403, 404, 405, 406, 501})
_KEPT_HEADERS, _KEPT_VALUE = 40, 1000


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
        fence: Fence | None = None,
        manners: Manners | None = None,
        width: int = 200,
        wants_titles: bool = False,
        link_seconds: float = LINK_SECONDS,
        lookup: Lookup = look_up,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._fence = fence or Fence()
        self._manners = manners or Manners()
        self._width = width
        self._wants_titles = wants_titles
        self._link_seconds = link_seconds
        self._lookup = lookup
        self._trusted = trusted

    async def __aenter__(self) -> Fetcher:
        self._gate = HostGate(self._manners)
        self._places = asyncio.Semaphore(self._width)
        connector = aiohttp.TCPConnector(
            limit=0,
            force_close=True,  # hosts hardly repeat, and idle sockets use descriptors up
            resolver=FencedResolver(self._fence, self._lookup),
            use_dns_cache=False,
            socket_factory=socket_factory(self._fence),
            ssl=self._trusted or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            requote_redirect_url=False,
            headers={"User-Agent": USER_AGENT, "Accept": "text/html,*/*;q=0.5"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            max_field_size=LONGEST * 2,
        )
        # aiohttp would ask once more by itself, unseen by manners and hops; it has no option.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def follow_all(self, urls: Iterable[str]) -> AsyncIterator[Followed]:
        """Every one of these links with its outcome, as they come in; each url once is enough."""
        waiting = iter(urls)
        done: asyncio.Queue[Followed | None] = asyncio.Queue(maxsize=self._width * 2)
        workers = [asyncio.create_task(self._work(waiting, done)) for _ in range(self._width * 4)]
        open_workers = len(workers)
        try:
            while open_workers:
                found = await done.get()
                if found is None:
                    open_workers -= 1
                else:
                    yield found
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
        except Refused as why:
            return trip.end(why.outcome, str(why))
        except TimeoutError:
            return trip.end("timeout")
        except (aiohttp.ClientError, OSError) as exc:
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
                raise Refused("not_public", str(why)) from None
        if URL(target.url, encoded=True).raw_host != target.host:
            raise Refused("invalid", "parsers disagree about the host")
        return target

    async def _ask(self, trip: _Trip, target: Target) -> str | None:
        """Ask, and ask again by GET if need be. Gives where a redirect leads, else None."""
        try:
            hop, location = await self._once(trip, target, "HEAD")
        except (aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError):
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
        response = await self._session.request(
            method, URL(target.url, encoded=True), allow_redirects=False
        )
        try:
            hop = Hop(target.url, method, response.status, _kept(response))
            location = response.headers.get("Location")
            redirects = response.status in _REDIRECTS and location
            if method == "GET" and self._wants_titles and response.status == 200:
                trip.page = await _page(response)
            return hop, location if redirects else None
        finally:
            response.close()  # never `release`, which may read what is left of the body


async def _page(response: aiohttp.ClientResponse) -> PageFacts:
    if "html" not in response.content_type:
        return PageFacts()
    body = b""
    async for piece in response.content.iter_chunked(8192):
        body += piece
        if len(body) >= LARGEST:
            break
    packing = response.headers.get("Content-Encoding", "")
    return read_page(unpacked(body[:LARGEST], packing), response.charset or "")


def _kept(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers to keep: not all of them, and not at any length."""
    pairs = list(response.headers.items())[:_KEPT_HEADERS]
    clean = ((n, v.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")) for n, v in pairs)
    return {name[:100]: value[:_KEPT_VALUE] for name, value in clean}


def _outcome_of_fault(exc: BaseException) -> Outcome:
    for found in _causes(exc):
        if isinstance(found, NotPublic):
            return "not_public"
    if isinstance(exc, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(exc, aiohttp.ClientResponseError):
        return "too_large" if "more than" in exc.message else "bad_answer"
    if isinstance(exc, aiohttp.InvalidURL):
        return "invalid"
    return "connection"


def _causes(exc: BaseException) -> Iterable[BaseException]:
    """The fault, what it came from, and what a group of faults holds."""
    waiting, seen = [exc], 0
    while waiting and seen < 20:
        found, seen = waiting.pop(), seen + 1
        yield found
        inner = [found.__cause__, found.__context__, getattr(found, "os_error", None)]
        inner += getattr(found, "exceptions", ())
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _words(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}".encode("utf-8", "replace").decode()
