"""Starts the background work of a web process: leader election, scheduling, queued runs.

APScheduler 3 knows nothing of other processes and silently drops a run that is a second late. So it
is only a timer here: every second each process tries to lead, the leader queues what is due, and
every process executes queued runs. Only wsgi.py calls this.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any

from apscheduler.events import EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from sfm import clock
from sfm.config import RUNS_AT_ONCE
from sfm.database import AWAY_ERRORS, db, outage_log
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.jobs import run_process, worker
from sfm.runs import leases, shutdown
from sfm.runs.leases import new_owner
from sfm.runs.presence import LEADER_LEASE
from sfm.runs.transactions import write_alone

logger = logging.getLogger(__name__)

LEASE_SECONDS = 20
RENEW_SECONDS = 5
STEADY_SECONDS = 30  # several heartbeats of every run
POLL_SECONDS = 1


class Leadership:
    """The lease of the one process that schedules, as this process holds it or not."""

    def __init__(self) -> None:
        self.lease: leases.AcquiredLease | None = None
        self._renewed_at = 0.0
        self._steady_since = 0.0

    @property
    def is_steady(self) -> bool:
        """Whether the lease was renewed in time for so long that every living run has had its
        heartbeat too. After a database was locked for minutes, nobody's was."""
        return self.is_leader and clock.monotonic() - self._steady_since >= STEADY_SECONDS

    @property
    def is_leader(self) -> bool:
        """Whether this process had the lease when it last tried."""
        return self.lease is not None

    def acquire_or_renew(self) -> bool:
        """Take the lease, or renew it when that is due; whether we have it. Commits on its own."""
        lease = self.lease
        if lease is None:
            self.lease = leases.take(LEADER_LEASE, new_owner(), LEASE_SECONDS)
            self._renewed_at = self._steady_since = clock.monotonic()
            if self.lease:
                logger.info("leads the schedule epoch=%d", self.lease.epoch)
        elif clock.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._renew(lease)
        return self.is_leader

    def _renew(self, lease: leases.AcquiredLease) -> None:
        kept = write_alone(lambda connection: leases.renew(connection, lease, LEASE_SECONDS))
        if clock.monotonic() - self._renewed_at > 2 * RENEW_SECONDS:
            self._steady_since = clock.monotonic()
        self._renewed_at = clock.monotonic()
        if not kept:
            logger.warning("another process leads the schedule now")
            self.lease = None

    def release(self) -> None:
        """Give the lease back, for whichever process tries next."""
        lease, self.lease = self.lease, None
        if lease is not None:
            leases.release(lease)


class Scheduler:
    """The scheduler of one process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.leadership = Leadership()
        self.missed = 0
        self.timer = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1},
        )
        self.timer.add_listener(self._count_missed, EVENT_JOB_MISSED)
        self._poll("queue due jobs", self._queue_due_jobs)
        self._poll("run frequent jobs", self._run_frequent_jobs)
        work = partial(worker.work_once, run_process.carry_out)
        self._poll("work on queued runs", work, max_instances=RUNS_AT_ONCE)

    def start(self) -> None:
        """Start the timer; no thread is started before."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever all are busy
        self.timer.start()

    def stop(self) -> None:
        """Begin nothing new; runs under way stop at their next item."""
        shutdown.request_stop()
        self.timer.shutdown(wait=True)
        with self.app.app_context():
            self.leadership.release()
            db.session.remove()

    def _poll(self, name: str, work: Callable[[], Any], **options: Any) -> None:
        self.timer.add_job(
            self._run_in_app, "interval", (name, work), seconds=POLL_SECONDS, id=name, **options
        )

    def _run_in_app(self, name: str, work: Callable[[], Any]) -> None:
        """Do `work` in a session of its own; errors are logged, and it is called again later."""
        with self.app.app_context():
            try:
                if shutdown.stop_requested():
                    self.leadership.release()  # so that another process leads at once
                else:
                    work()
            except SfmError as exc:
                logger.warning("background work failed name=%s reason=%s", name, exc.message)
            except AWAY_ERRORS as exc:
                outage_log().record(exc)
            except Exception:
                logger.exception("background work failed unexpectedly name=%s", name)
            finally:
                db.session.remove()

    def _queue_due_jobs(self) -> None:
        if self.leadership.acquire_or_renew():
            worker.queue_due(recover_silent=self.leadership.is_steady)

    def _run_frequent_jobs(self) -> None:
        if self.leadership.is_leader:
            worker.run_frequent_jobs()

    def _count_missed(self, _event: object) -> None:
        self.missed += 1
        logger.warning(
            "APScheduler missed a call, which the next one replaces times=%d", self.missed
        )


def start(app: Flask) -> Scheduler | None:
    """Start background work in this process; None where the setting SCHEDULER is off."""
    with app.app_context():
        if not settings().scheduler:
            logger.info("the scheduler is off")
            return None
    scheduler = Scheduler(app)
    scheduler.start()
    _stop_with_process()
    return scheduler


def _stop_with_process() -> None:
    """On SIGTERM (a deploy), runs stop at their next item before the process ends as it would.

    gunicorn has set its own handlers by the time it imports the application; they follow.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for signal_number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        previous = signal.getsignal(signal_number)

        def handle(received: int, frame: Any, previous: Any = previous) -> None:
            shutdown.request_stop()
            if callable(previous):
                previous(received, frame)
            elif previous == signal.SIG_DFL:
                signal.signal(received, signal.SIG_DFL)
                signal.raise_signal(received)

        signal.signal(signal_number, handle)
