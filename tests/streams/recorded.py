"""What a collector writes into the ledger, without its connection and its files."""

from __future__ import annotations

from pathlib import Path

from sfm import clock
from sfm.database import db
from sfm.models import Heartbeat
from sfm.streams.coverage import Carrier
from sfm.streams.manifest import Manifest
from sfm.streams.status import Status
from tests.conftest import FrozenClock

_pids = iter(range(1000, 1_000_000))


class RecordedCollector:
    """A process that collects these filters; all that comes is saved at once, or nothing from
    `oldest_unsaved` on (on the monotonic clock)."""

    def __init__(self, *ids: int, fingerprint: str = "f" * 64) -> None:
        self.ids = list(ids)
        self.prefixes = [f"twitterfilter-{number}" for number in ids]
        self.carrier = Carrier(self.prefixes[0], "here", next(_pids), fingerprint, "a token")
        self.status, self.manifest = Status(), Manifest(Path("/nowhere"), self.prefixes[0])
        self.status.spans.set_written(self.prefixes)
        self.oldest_unsaved: float | None = None

    def connect(self) -> None:
        """Connected, with all rules; and a heartbeat."""
        self.status.rules_in_force(self.prefixes)
        self.status.alive()
        self.status.connection_restored()
        self.say("connected")

    def post(self, clock: FrozenClock, seconds: int, each_second: int) -> None:
        """So many seconds with so many posts in each, and a heartbeat."""
        for _ in range(seconds):
            self.status.alive(each_second)
            clock.advance(1)
        self.status.alive()
        self.say("connected")

    def say(self, state: str) -> None:
        """A heartbeat."""
        status = self.status
        beat = Heartbeat(
            program=self.carrier.program, filter_ids=self.ids, beat_at=clock.now(), state=state,
            alive_at=status.alive_at, saved_until=status.alive_at, pid=self.carrier.pid,
            posts_a_minute=status.posts_a_minute,
        )  # fmt: skip
        pace = status.posts_a_minute
        spans = status.spans.advance(
            status.alive_seconds, lambda prefix: self.oldest_unsaved,
            lambda prefix: pace * status.share_of(prefix), status.last_id,
            ("storage", status.reason) if status.state == "storage" else ("", ""),
        )  # fmt: skip
        assert self.manifest.write(
            beat, status.outages, status.open_outages(), self.prefixes, spans, self.carrier
        )
        status.spans.written()
        db.session.rollback()

    def stop(self) -> None:
        """Asked to stop, it says so."""
        self.status.ended("ended", "")
        self.say("stopped")
