"""Ends a process for good, so that supervisord does not start it again.

supervisord looks at an exit code only once a process has been up for `startsecs`; whatever ends
earlier is started again, the one whose code says that this cannot help too.
"""

from __future__ import annotations

import signal

from sfm import clock
from sfm.config import supervised_as
from sfm.supervisord.conf import START_SECONDS

# Wrong usage, a person is needed, another holds the stream: codes that a start may end with.
FINAL_AT_START = (2, 3, 4)


def wait_for_final_exit(code: int, begun: float, start_seconds: float = START_SECONDS) -> None:
    """Wait until supervisord takes this exit code for final; other codes do not wait.

    `begun` is when this process began, on the monotonic clock. SIGTERM ends the wait and the
    process; nothing may be left to save.
    """
    if not supervised_as() or code not in FINAL_AT_START:
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    clock.sleep(max(0.0, begun + start_seconds + 1 - clock.monotonic()))
