"""What the command `work` does: the queued runs, and the upkeep that no cron line calls."""

from __future__ import annotations

import logging

from sfm.database import AWAY_ERRORS, db, outage_log
from sfm.errors import SfmError
from sfm.jobs import worker
from sfm.runs import presence, shutdown

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
UPKEEP = frozenset({"tidy_exports"})  # what has to be done and has no command of its own


def work_on_queue() -> int:
    """Do all that is queued, and what that queues; how many runs were carried out. Commits.

    Paused runs whose time has come go on, runs of dead processes are recovered, exports that are
    due are made and old ones deleted, and filters and their processes are brought together.
    """
    done = 0
    presence.record_command()
    worker.queue_due(UPKEEP)
    worker.run_frequent_jobs()
    while not shutdown.stop_requested() and worker.work_once():
        done += 1
        db.session.remove()
        presence.record_command()
    return done


def work_until_stopped() -> int:
    """Do what is queued whenever something is, until the process is asked to stop; how many runs.

    Where the database is away, it is asked again.
    """
    done = 0
    while not shutdown.stop_requested():
        try:
            done += work_on_queue()
        except SfmError as exc:
            logger.warning("work failed reason=%s", exc.message)
        except AWAY_ERRORS as exc:
            outage_log().record(exc)
        db.session.remove()
        shutdown.wait_for_stop(POLL_SECONDS)
    return done
