"""Takes lines from the queue and files them: the one thread that owns the files."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from sfm.streams import names
from sfm.streams.errors import AnotherCollector, StorageTrouble
from sfm.streams.lines import Unreadable, filing
from sfm.streams.quarantine import Quarantine
from sfm.streams.queue import LineQueue
from sfm.streams.routing import Carried, Router
from sfm.streams.sinks import Sink
from sfm.streams.status import Status
from sfm.supervisord.conf import SAMPLE_PREFIX

logger = logging.getLogger(__name__)

AT_ONCE = 500
TICK_SECONDS = 0.2
RETRY_SECONDS = 2.0


class Filer(threading.Thread):
    """Files each post with every filter whose rule it matched. Without a router: one stream."""

    def __init__(
        self, queue: LineQueue, sink: Sink, status: Status, quarantine: Quarantine,
        router: Router | None,
    ) -> None:  # fmt: skip
        super().__init__(name="filer", daemon=True)
        self.queue, self.sink, self.status = queue, sink, status
        self.quarantine, self.router = quarantine, router
        self.closing = threading.Event()
        self.per_filter: Counter[int] = Counter()
        self.conflict: AnotherCollector | None = None
        self.crash: BaseException | None = None
        self.safe_to_end = False  # everything that came is on the disk
        self._carry: Carried | None = None
        self._carrying = threading.Event()
        self._carrying.set()

    def carry(self, carried: Carried) -> None:
        """From the next turn on these filters."""
        self._carrying.clear()
        self._carry = carried

    def carries(self, wait_seconds: float) -> bool:
        """Whether the filters last handed over have their files: only then may their rules go to
        Twitter, or their first posts would come too early."""
        return self._carrying.wait(wait_seconds)

    def close(self) -> None:
        """File what is in the queue, seal, end. Join the thread afterwards."""
        self.closing.set()

    def run(self) -> None:
        """Until closed and the queue is empty."""
        try:
            while not (self.closing.is_set() and not len(self.queue)):
                self._turn()
            self.sink.close()
            self.safe_to_end = True
        except Exception as exc:  # whatever it is, the collector has to end and say so
            logger.exception("filer ended")
            self.crash = exc

    def _turn(self) -> None:
        self._change_filters()
        lines = self.queue.take(AT_ONCE, TICK_SECONDS)
        for line in lines:
            self._file(line)
        self._tick()

    def _change_filters(self) -> None:
        carried, self._carry = self._carry, None
        if carried is None or self.router is None:
            return
        self.router.carry(carried)
        try:
            self.sink.carry([names.filter_prefix(number) for number in carried.filter_ids])
        except AnotherCollector as exc:
            self.conflict = exc
        if self._carry is None:
            self._carrying.set()

    def _file(self, line: bytes) -> None:
        try:
            found = filing(line)
        except Unreadable as exc:
            self.quarantine.keep(line, str(exc))
            return
        if found.post_id is not None:
            self.status.last_id = max(self.status.last_id or 0, found.post_id)
        if self.router is None:
            self._add(SAMPLE_PREFIX, line, found.post_id)
            return
        filters = self.router.filters_for(found)
        self.status.unmatched += not filters
        for number in filters:
            self.per_filter[number] += 1
            self._add(names.filter_prefix(number), line, found.post_id)

    def _add(self, prefix: str, line: bytes, post_id: int | None) -> None:
        """The line is taken whatever happens; a disk that does not save it is waited for."""
        try:
            self.sink.add(prefix, line, post_id)
        except StorageTrouble as exc:
            self._wait_for_disk(exc)

    def _tick(self) -> None:
        try:
            self.sink.tick()
        except StorageTrouble as exc:
            self._wait_for_disk(exc)

    def _wait_for_disk(self, trouble: StorageTrouble) -> None:
        """Meanwhile the queue fills; the reader lets go of the stream when it is full."""
        while True:
            self.status.disk_fails(trouble.message)
            if self.closing.wait(RETRY_SECONDS):
                break
            try:
                self.sink.tick()
            except StorageTrouble as again:
                trouble = again
            else:
                self.status.disk_is_well()
                return
        self.sink.tick()  # asked to end: one more try, and its trouble is the last word
