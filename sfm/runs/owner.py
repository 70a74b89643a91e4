"""Which process does something: a name by which others can see whether it still lives."""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from pathlib import Path

HOST_CHARACTERS = 40


def new_owner() -> str:
    """A name for one holder in this process: host, process, kernel, and a word of its own."""
    pid = os.getpid()
    host = os.uname().nodename[:HOST_CHARACTERS]
    return f"{host}/{pid}-{_started(pid)}/{_kernel()}/{secrets.token_hex(4)}"


def is_dead_owner(owner: str) -> bool:
    """True only where it is certain: a process of this very kernel that is no longer there."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[2] != _kernel() or not _kernel():
        return False
    pid, _, started = parts[1].partition("-")
    return pid.isdigit() and _started(int(pid)) != started


def describe_owner(owner: str) -> str:
    """`process 4711 on archive1`, for a sentence."""
    parts = owner.split("/")
    return f"process {parts[1].partition('-')[0]} on {parts[0]}" if len(parts) == 4 else owner


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; empty for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return "" if fields[0] in ("Z", "X") else fields[19]


@functools.cache
def _kernel() -> str:
    """Tells machines and containers apart; empty where Linux's own files are not there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]
