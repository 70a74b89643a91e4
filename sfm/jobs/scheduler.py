"""Starts the background work of a web process: APScheduler's clockwork around our own plan.

APScheduler 3 knows nothing of other processes, and drops a run silently that comes a second late.
So it only winds the clock here: each process looks every second whether it leads, the leader takes
what is due from the plan, and every process carries out queued runs. Called by wsgi.py alone.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC
from typing import Any

from apscheduler.events import EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from sfm import clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.jobs import worker
from sfm.runs import leases, shutdown
from sfm.runs.leases import new_owner
from sfm.runs.transactions import write_alone

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1
RUNS_AT_ONCE = 3  # in one process


class Scheduler:
    """The scheduler of one process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.leadership = Leadership()
        self.missed = 0
        self.inner = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1},
        )
        self.inner.add_listener(self._count_missed, EVENT_JOB_MISSED)
        self._every_second("plan", self._plan)
        self._every_second("ticks", self._ticks)
        self._every_second("work", worker.work_once, max_instances=RUNS_AT_ONCE)

    def start(self) -> None:
        """Begin; threads are made here and nowhere before."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # "all busy" is no news
        self.inner.start()

    def stop(self) -> None:
        """Take up nothing new, and let what goes on end at its next item."""
        shutdown.request_stop()
        self.inner.shutdown(wait=True)
        with self.app.app_context():
            self.leadership.resign()
            db.session.remove()

    def _every_second(self, name: str, work: Callable[[], Any], **options: Any) -> None:
        self.inner.add_job(
            self._in_app, "interval", (name, work), seconds=LOOK_SECONDS, id=name, **options
        )

    def _in_app(self, name: str, work: Callable[[], Any]) -> None:
        """One look, with a session of its own; trouble is logged, and the next look comes."""
        if shutdown.stop_requested():
            return
        with self.app.app_context():
            try:
                work()
            except SfmError as exc:
                logger.warning("look failed name=%s reason=%s", name, exc.message)
            except Exception:
                logger.exception("look failed unexpectedly name=%s", name)
            finally:
                db.session.remove()

    def _plan(self) -> None:
        if self.leadership.look():
            worker.queue_due()

    def _ticks(self) -> None:
        if self.leadership.leads:
            worker.tick_due()

    def _count_missed(self, _event: object) -> None:
        self.missed += 1
        logger.warning("a look was missed, which the next one makes good times=%d", self.missed)


def start(app: Flask) -> Scheduler | None:
    """Begin background work in this process, unless the setting SCHEDULER is off."""
    with app.app_context():
        if not settings().scheduler:
            logger.info("the scheduler is off")
            return None
    clockwork = Scheduler(app)
    clockwork.start()
    _stop_with_process()
    return clockwork


def _stop_with_process() -> None:
    """On SIGTERM (a deploy), runs stop at their next item before the process ends as it would.

    gunicorn has set its own handlers by the time it imports the application; they follow.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        before = signal.getsignal(number)

        def obey(received: int, frame: Any, before: Any = before) -> None:
            shutdown.request_stop()
            if callable(before):
                before(received, frame)
            elif before == signal.SIG_DFL:
                signal.signal(received, signal.SIG_DFL)
                signal.raise_signal(received)

        signal.signal(number, obey)


NAME = "leader:scheduler"
LEASE_SECONDS = 20
RENEW_SECONDS = 5


class Leadership:
    """This process's part in the contest for the lead."""

    def __init__(self) -> None:
        self.held: leases.AcquiredLease | None = None
        self._renewed_at = 0.0

    @property
    def leads(self) -> bool:
        """Whether this process led when it last looked."""
        return self.held is not None

    def look(self) -> bool:
        """Take or keep the lead if it can be had. Commits on its own."""
        if self.held is None:
            self.held = leases.take(NAME, new_owner(), LEASE_SECONDS)
            self._renewed_at = clock.monotonic()
            if self.held:
                logger.info("leads the schedule epoch=%d", self.held.epoch)
        elif clock.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._renew(self.held)
        return self.leads

    def _renew(self, lease: leases.AcquiredLease) -> None:
        kept = write_alone(lambda connection: leases.renew(connection, lease, LEASE_SECONDS))
        self._renewed_at = clock.monotonic()
        if not kept:
            logger.warning("another process leads the schedule now")
            self.held = None

    def resign(self) -> None:
        """Leave the lead to whoever looks next."""
        if self.held is not None:
            leases.release(self.held)
            self.held = None
