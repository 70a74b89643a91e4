"""Following links in tests: no connection leaves the loopback, whatever the guard does."""

from __future__ import annotations

import asyncio
import socket
from asyncio import selector_events
from ipaddress import ip_network

import pytest

from sfm.links.fetch import Fetcher
from sfm.links.rate_limit import HostLimits
from sfm.links.ssrf_guard import SsrfGuard

LOOPBACK = (ip_network("127.0.0.1/32"),)
IN_A_HURRY = HostLimits(at_once=100, gap_seconds=0.0)


class Dialled:
    """Every address that somebody tried to connect to. Only 127.0.0.1 is really dialled."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def outside(self) -> list[str]:
        return [address for address in self.addresses if address != "127.0.0.1"]


@pytest.fixture(autouse=True)
def dialled(monkeypatch) -> Dialled:
    """In place of the event loop's connect: a recorder that dials nothing but 127.0.0.1."""
    record = Dialled()
    really = selector_events.BaseSelectorEventLoop.sock_connect

    async def connect(loop, sock, address):
        record.addresses.append(address[0])
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError("the test dials nothing but 127.0.0.1")
        return await really(loop, sock, address)

    monkeypatch.setattr(selector_events.BaseSelectorEventLoop, "sock_connect", connect)
    return record


def names(**table):
    """A look-up that knows these names (underscores for dots); others are not to be found."""
    known = {name.replace("_", "."): answer for name, answer in table.items()}

    def look_up(host, port):
        answer = known.get(host)
        if answer is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answer() if callable(answer) else answer
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (kinds[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in found.split()
        ]

    return look_up


def everybody(host, port):
    """Every name is 127.0.0.1."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def open_guard(**more):
    return SsrfGuard(ports=None, allowed_networks=LOOPBACK, **more)


def follow(*urls, **more):
    """Follow these one after the other with a guard open for 127.0.0.1 alone."""
    options = {"guard": open_guard(), "limits": IN_A_HURRY, "lookup": everybody, "width": 20}

    async def run():
        async with Fetcher(**(options | more)) as fetcher:
            return [await fetcher.follow(url) for url in urls]

    found = asyncio.run(run())
    return found[0] if len(urls) == 1 else found
