"""The leader: one process among all workers and hosts sees to the plan, by a lease in the database.

The same on SQLite and PostgreSQL. A leader that is killed is replaced at the next look on the same
host (its process is gone), and after the lease has run out where it lived on another one.
"""

from __future__ import annotations

import logging

from sfm import clock
from sfm.runs import leases
from sfm.runs.owner import new_owner
from sfm.runs.transactions import write_alone

logger = logging.getLogger(__name__)

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

    def _renew(self, held: leases.AcquiredLease) -> None:
        kept = write_alone(lambda connection: leases.renew(connection, held, LEASE_SECONDS))
        self._renewed_at = clock.monotonic()
        if not kept:
            logger.warning("another process leads the schedule now")
            self.held = None

    def resign(self) -> None:
        """Leave the lead to whoever looks next."""
        if self.held is not None:
            leases.release(self.held)
            self.held = None
