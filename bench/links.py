"""Following links: ours against serial requests.head and `minet resolve`, in one run.

3,000 links over three redirects and a final page, 50 ms an answer, every hop on another host of
127.0.0.0/8. The fence is opened for these by hand, which no setting can do.
"""

from __future__ import annotations

import asyncio
import csv
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import requests

from bench.table import Row, show
from sfm.links.fetch import Fetcher
from sfm.links.ssrf_guard import SsrfGuard

ROOT = Path(__file__).resolve().parent.parent
MINET = ROOT / ".venv-peers" / "bin" / "minet"
LINKS, SERIAL, DEFAULT_MINET = 3_000, 30, 150
WIDTH = 400
DELAY_SECONDS = 0.05
REDIRECTS = 3
GUARD = SsrfGuard(ports=None, allowed_networks=(ip_network("127.0.0.0/8"),))


def host(number: int, hop: int) -> str:
    """A host for each hop of each link, so that good manners never make anybody wait."""
    place = number * (REDIRECTS + 1) + hop
    return f"127.{1 + place // 62_500}.{place // 250 % 250}.{1 + place % 250}"


def link(number: int, port: int, hop: int = 0) -> str:
    return f"http://{host(number, hop)}:{port}/{hop}/{number}"


class Answering(asyncio.Protocol):
    """A server in a hundred lines less: one answer per request, after a while."""

    port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1].decode()
        asyncio.get_running_loop().call_later(DELAY_SECONDS, self._answer, path)

    def _answer(self, path: str) -> None:
        hop, number = (int(part) for part in path.strip("/").split("/"))
        if hop < REDIRECTS:
            where = link(number, self.port, hop + 1)
            head = f"HTTP/1.1 301 Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
        else:
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
        self.transport.write(head.encode())


async def serve(port: int) -> None:
    """Serves all of 127.0.0.0/8, and nothing that comes from outside."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    listening.bind(("0.0.0.0", port))
    Answering.port = port
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, sock=listening, backlog=2048)
    await server.serve_forever()


@contextmanager
def server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"import asyncio, bench.links as b; asyncio.run(b.serve({port}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        for _ in range(100):
            time.sleep(0.1)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        process.terminate()
        process.wait()


async def follow_all(urls: Iterator[str], *, count: bool = False) -> int:
    right = 0
    async with Fetcher(guard=GUARD, width=WIDTH) as fetcher:
        async for followed in fetcher.follow_all(urls):
            right += followed.outcome == "ok" and len(followed.hops) == REDIRECTS + 1
    return right


@dataclass(frozen=True)
class Speed:
    """Links a second on the clock, and CPU milliseconds a link."""

    links: float
    cpu: float


def cpu_so_far() -> float:
    """CPU seconds of this process and of those it has waited for."""
    mine = resource.getrusage(resource.RUSAGE_SELF)
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def timed(count: int, work: Callable[[], object]) -> Speed:
    start, cpu = time.perf_counter(), cpu_so_far()
    work()
    seconds = time.perf_counter() - start
    return Speed(count / seconds, (cpu_so_far() - cpu) / count * 1000)


def ours(port: int) -> None:
    right = asyncio.run(follow_all(link(number, port) for number in range(LINKS)))
    assert right == LINKS, f"only {right} of {LINKS} came right"


def serial(port: int) -> None:
    for number in range(SERIAL):
        answer = requests.head(link(number, port), allow_redirects=True, timeout=20)
        assert answer.status_code == 200


def minet(port: int, count: int, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "links.csv"
        with source.open("w", newline="") as out:
            csv.writer(out).writerows([["url"], *([link(n, port)] for n in range(count))])
        command = [str(MINET), "resolve", "url", "-i", str(source), *options]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert len(list(csv.DictReader(done.stdout.splitlines()))) == count


def memory_of_many(count: int = 100_000) -> float:
    """MiB that 100,000 links that go nowhere cost at most, in a process of their own."""
    code = (
        "import asyncio, resource, bench.links as b\n"
        f"urls = (f'http://10.{{n >> 16}}.{{n >> 8 & 255}}.{{n & 255}}/' for n in range({count}))\n"
        "asyncio.run(b.follow_all(urls))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def row(what: str, fast: Speed, name: str, peer: Speed, goal: str) -> Row:
    words = f"{name} {peer.links:.1f}"
    return Row(what, f"{fast.links:,.0f}", words, fast.links / peer.links, goal)


def main() -> list[Row]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    if os.geteuid() != 0:
        print("bench/links.py needs root, to listen on 127.0.0.0/8 and nowhere else")
        return []
    with server() as port:
        fast = timed(LINKS, lambda: ours(port))
        slow = timed(SERIAL, lambda: serial(port))
        rows = [row("links a second", fast, "serial head", slow, ">= 100")]
        if MINET.exists():
            wide = ("-X", "HEAD", "--throttle", "0", "-t", "200")
            best = timed(LINKS, lambda: minet(port, LINKS, *wide))
            plain = timed(DEFAULT_MINET, lambda: minet(port, DEFAULT_MINET))
            rows.append(row("", fast, "minet, best", best, ">= 2.5"))
            rows.append(row("", fast, "minet, as it comes", plain, ">= 20"))
            less = best.cpu / fast.cpu
            words = f"minet, best {best.cpu:.2f} ms"
            rows.append(Row("CPU a link", f"{fast.cpu:.2f} ms", words, less, ">= 2.5"))
    mib = memory_of_many()
    rows.append(Row("memory at 100,000 links", f"{mib:.0f} MiB", "200 MiB", mib / 200, "<= 1"))
    return show("Links (3 redirects and a page, 50 ms each)", rows)


if __name__ == "__main__":
    main()
