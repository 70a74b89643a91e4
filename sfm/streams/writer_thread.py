"""The writer thread: takes lines from the queue and writes them; it alone owns the files."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque

from sfm import clock
from sfm.streams import file_names
from sfm.streams.errors import AnotherCollector, StorageTrouble
from sfm.streams.line_queue import LineQueue
from sfm.streams.parse_line import ParsedLine, UnreadableLine, parse_stream_line
from sfm.streams.quarantine import Quarantine
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.sinks import Sink
from sfm.streams.status import Status
from sfm.supervisord.conf import SAMPLE_PREFIX

logger = logging.getLogger(__name__)

AT_ONCE = 500
TICK_SECONDS = 0.2
RETRY_SECONDS = 2.0


class WriterThread(threading.Thread):
    """Writes each post into the files of every filter whose rule it matched.

    Without a router there is one stream.
    """

    def __init__(
        self, queue: LineQueue, sink: Sink, status: Status, quarantine: Quarantine,
        router: Router | None,
    ) -> None:  # fmt: skip
        super().__init__(name="writer", daemon=True)
        self.queue, self.sink, self.status = queue, sink, status
        self.quarantine, self.router = quarantine, router
        self.closing = threading.Event()
        self.per_filter: Counter[int] = Counter()
        self.conflict: AnotherCollector | None = None
        self.crash: BaseException | None = None
        self.safe_to_end = False  # everything that came is on the disk
        self.given_up = threading.Event()
        self._unsaved: defaultdict[str, deque[float]] = defaultdict(deque)  # receipts, by stream
        self._oldest: dict[str, float] = {}  # by stream
        self._lost_since: dict[str, float] = {}  # posts that were given up, by stream
        self._counting = threading.Lock()
        self._next_filters: CollectedFilters | None = None
        self._retry_at = 0.0  # when streams that could not be begun are tried again
        self._assigned = threading.Event()
        self._assigned.set()

    def assign(self, filters: CollectedFilters) -> None:
        """Collect these filters from the next turn on."""
        self._assigned.clear()
        self._next_filters = filters

    def has_assigned(self, wait_seconds: float) -> bool:
        """Whether the filters last handed over have their files: only then may their rules go to
        Twitter, or their first posts would come too early."""
        return self._assigned.wait(wait_seconds)

    def close(self) -> None:
        """File what is in the queue, seal, end. Join the thread afterwards."""
        self.closing.set()

    def run(self) -> None:
        """Until closed and the queue is empty."""
        try:
            while not self.given_up.is_set() and not (self.closing.is_set() and not self.queue):
                self._turn()
        except Exception as exc:  # whatever it is, the collector has to end and say so
            logger.exception("writer thread ended")
            self.crash = exc
        finally:
            self._close_sink()

    def _close_sink(self) -> None:
        try:
            self.sink.close()
        except Exception as exc:  # as above; the first trouble is the one to be told
            logger.exception("files not closed")
            self.crash = self.crash or exc
        self._settle()
        lost = self.count_lost()
        self.safe_to_end = self.crash is None and not lost

    @property
    def oldest_unsaved(self) -> float | None:
        """When the oldest line that is not on the disk was received, on the monotonic clock.

        For any thread. The queue is asked first: a line is in two places while it is moved, and
        never in none.
        """
        moments = [self.queue.oldest_received, *list(self._oldest.values())]
        return min((moment for moment in moments if moment is not None), default=None)

    def oldest_unsaved_of(self, prefix: str) -> float | None:
        """As `oldest_unsaved`, of one stream; a line in the queue may be anybody's."""
        moments = [
            self.queue.oldest_received, self._oldest.get(prefix), self._lost_since.get(prefix)
        ]  # fmt: skip
        return min((moment for moment in moments if moment is not None), default=None)

    def count_lost(self) -> int:
        """Give up what is not on the disk: it becomes a gap of each stream, with its number of
        posts. How many lines that were. For the end, when no more will be saved."""
        self.given_up.set()
        with self._counting:
            lost = {prefix: list(receipts) for prefix, receipts in list(self._unsaved.items())}
            self._unsaved.clear()
            for line, received in self.queue.clear():
                for prefix in self.streams_of(line):
                    lost.setdefault(prefix, []).append(received)
            self._lost_since |= {prefix: min(times) for prefix, times in lost.items() if times}
            self._oldest = {}
        for prefix, receipts in sorted(lost.items()):
            if receipts:
                self.status.not_saved(prefix, len(receipts), clock.time_of(min(receipts)))
        return sum(map(len, lost.values()))

    def _turn(self) -> None:
        self._change_filters()
        for line, received in self.queue.take(AT_ONCE, TICK_SECONDS):
            self._file(line, received)
        self._tick()

    def _change_filters(self) -> None:
        if clock.monotonic() < self._retry_at:
            return
        filters, self._next_filters = self._next_filters, None
        if filters is None or self.router is None:
            return
        self.router.assign(filters)
        try:
            self.sink.assign([file_names.filter_prefix(number) for number in filters.filter_ids])
        except AnotherCollector as exc:
            self.conflict = exc
        except (StorageTrouble, OSError) as exc:  # the streams there are go on
            logger.error("stream not begun, tried again why=%s", exc)
            self._retry_at = clock.monotonic() + RETRY_SECONDS
            self._next_filters = self._next_filters or filters
            return
        if self._next_filters is None:
            self._assigned.set()

    def _file(self, line: bytes, received: float) -> None:
        """Hand a line to the files of its streams; only then is it no longer the queue's. It is
        taken whatever happens; a disk that does not save it is waited for."""
        trouble: StorageTrouble | None = None
        try:
            parsed = parse_stream_line(line)
        except UnreadableLine as exc:
            self.quarantine.keep(line, str(exc))
        else:
            trouble = self._add(line, parsed, received)
        self.queue.done()
        if trouble is not None:
            self._wait_for_disk(trouble)

    def _add(self, line: bytes, parsed: ParsedLine, received: float) -> StorageTrouble | None:
        trouble: StorageTrouble | None = None
        if parsed.post_id is not None:
            self.status.last_id = max(self.status.last_id or 0, parsed.post_id)
        for prefix in self._streams_of(parsed, received):
            try:
                added = self.sink.add(prefix, line, parsed.post_id)
            except StorageTrouble as exc:
                added, trouble = True, exc
            if added:
                self._unsaved[prefix].append(received)
                self._settle(prefix)
        return trouble

    def _streams_of(self, parsed: ParsedLine, received: float) -> list[str]:
        if self.router is None:
            return [SAMPLE_PREFIX]
        self.router.note_match(parsed, received)
        filters = self.router.filters_for(parsed)
        self.status.unmatched += not filters
        self.per_filter.update(filters)
        return [file_names.filter_prefix(number) for number in filters]

    def streams_of(self, line: bytes) -> list[str]:
        """The streams that a line belongs to; none for one that is no post. For any thread."""
        try:
            parsed = parse_stream_line(line)
        except UnreadableLine:
            return []
        if self.router is None:
            return [SAMPLE_PREFIX]
        return [file_names.filter_prefix(number) for number in self.router.filters_for(parsed)]

    def _settle(self, *prefixes: str) -> None:
        """Forget the receipts of what was saved: of each stream the last ones are in hand."""
        with self._counting:
            for prefix in prefixes or list(self._unsaved):
                receipts = self._unsaved[prefix]
                alone = self.router is None
                in_hand = self.sink.in_hand if alone else self.sink.in_hand_of(prefix)
                while len(receipts) > in_hand:
                    receipts.popleft()
            self._oldest = {
                prefix: receipts[0] for prefix, receipts in self._unsaved.items() if receipts
            }

    def _tick(self) -> None:
        try:
            self.sink.tick()
        except StorageTrouble as exc:
            self._wait_for_disk(exc)
        self._settle()

    def _wait_for_disk(self, trouble: StorageTrouble) -> None:
        """Meanwhile the queue fills; the reader lets go of the stream when it is full."""
        while True:
            self.status.disk_failed(trouble.message)
            if self.closing.wait(RETRY_SECONDS):
                break
            try:
                self.sink.tick()
            except StorageTrouble as again:
                trouble = again
            else:
                self.status.disk_recovered()
                return
        self.sink.tick()  # asked to end: one more try, and its trouble is the last word
