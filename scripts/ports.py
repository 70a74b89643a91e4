"""Whether a port can be listened on, and who does so already."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path

LISTENS = "0A"  # Source: Linux, include/net/tcp_states.h, TCP_LISTEN


def is_free(host: str, port: int) -> bool:
    """Whether a program of ours could listen there. Raises OSError for an address not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def holder_of(port: int) -> str:
    """Who listens on a port of this machine, as far as we may know."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for link in folder.iterdir():
                if str(link.readlink()) in inodes:
                    process = folder.parent
                    return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return "another program"


def _listening(port: int) -> set[str]:
    """The inodes of sockets that listen on a port. Source: Linux, proc(5), /proc/net/tcp."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(columns[9])
    return inodes
