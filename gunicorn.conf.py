"""gunicorn reads this by itself in the folder where it is started; the command line wins over it.

Nothing of ours stays imported before a worker runs: a deploy (HUP) must find the new code.
"""

import os
import sys


def on_starting(_server):
    """Before it listens. Under supervisord, end with it: else what is left would answer in the
    place of the next start. Workers end with their master by themselves."""
    if os.environ.get("SUPERVISOR_PROCESS_NAME"):
        from sfm.supervisord.parent_death import end_with_parent

        end_with_parent()
        for name in [name for name in sys.modules if name.partition(".")[0] == "sfm"]:
            del sys.modules[name]


def post_worker_init(worker):
    from sfm.jobs import turnover

    turnover.prepare(worker)


def post_request(worker, _request, _environ, _response):
    from sfm.jobs import turnover

    turnover.after_request(worker)
