"""A second machine on this one: a network namespace at the other end of a cable (a veth pair)."""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEST_NET = ipaddress.ip_network("198.18.0.0/15")  # RFC 2544: for tests, nobody's addresses
NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <sched.h>


class NoNamespace(Exception):
    """This machine cannot make one; says why."""


class Namespace:
    """Made and taken away by `with`; `address` is inside it. Raises NoNamespace."""

    def __init__(self) -> None:
        self.name = f"sfm-{os.getpid()}"
        self.cable = f"sfm{os.getpid()}"
        # Four addresses of its own for each test run, as several may go on at once.
        first = TEST_NET[os.getpid() * 4 % TEST_NET.num_addresses]
        self.near, self.address = str(first + 1), str(first + 2)

    def __enter__(self) -> Namespace:
        missing = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
        if os.geteuid() != 0 or missing:
            raise NoNamespace("needs root" if os.geteuid() else f"needs {' and '.join(missing)}")
        try:
            self._make()
        except subprocess.CalledProcessError as exc:
            self.__exit__()
            raise NoNamespace(exc.stderr.decode().strip()) from exc
        return self

    def __exit__(self, *_exc: object) -> None:
        for kind in (["link", "del", self.cable], ["netns", "del", self.name]):
            subprocess.run(["ip", *kind], capture_output=True, check=False)

    def _make(self) -> None:
        there = f"{self.cable}b"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", there, "netns", self.name)
        run("ip", "address", "add", f"{self.near}/30", "dev", self.cable)
        run("ip", "link", "set", self.cable, "up")
        run("ip", "-n", self.name, "address", "add", f"{self.address}/30", "dev", there)
        run("ip", "-n", self.name, "link", "set", there, "up")
        # Tried out at once, so that a kernel without nftables is a reason to skip, not a failure.
        self.lose_packets()
        self.let_packets_pass()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile belong there, and stay there."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
        try:
            enter(there)
            yield
        finally:
            enter(here)
            os.close(here)
            os.close(there)

    def lose_packets(self) -> None:
        """From now on whatever leaves it or comes to it is thrown away, and neither end is told."""
        rules = ["add table inet lossy"]
        for hook in ("input", "output"):
            hooked = f"{{ type filter hook {hook} priority 0 ; }}"
            rules += [
                f"add chain inet lossy {hook} {hooked}", f"add rule inet lossy {hook} counter drop"
            ]  # fmt: skip
        run("ip", "netns", "exec", self.name, "nft", " ; ".join(rules))

    def let_packets_pass(self) -> None:
        run("ip", "netns", "exec", self.name, "nft", "delete table inet lossy")

    @property
    def lost(self) -> int:
        """Packets thrown away since `lose_packets`."""
        listing = run("ip", "netns", "exec", self.name, "nft", "-j", "list table inet lossy")
        rules = [one["rule"] for one in json.loads(listing)["nftables"] if "rule" in one]
        counters = [part["counter"] for rule in rules for part in rule["expr"] if "counter" in part]
        return sum(int(counter["packets"]) for counter in counters)


def run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")
