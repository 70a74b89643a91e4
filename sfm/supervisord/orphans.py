"""A collector must not outlive its supervisord: the next one would start a second.

Linux tells a process when its parent ends (prctl, PR_SET_PDEATHSIG); elsewhere the lock on the
stream's files keeps the second one out.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # Source: Linux, prctl(2)


def end_with_parent() -> None:
    """Have this process asked to stop (SIGTERM) when its parent ends, and at once if it has."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        os.kill(os.getpid(), signal.SIGTERM)
