"""A collector: one connection, its filters, their files; what the two stream commands run.

Three threads: the reader thread owns the connection, the writer thread owns the files, and this
one, the main thread, writes a heartbeat each second, follows changes of the filters, and
takes signals.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import begin_write, db
from sfm.errors import SfmError
from sfm.filters import connections, coverage_due, installation
from sfm.filters.connections import CredentialSource
from sfm.messages import Message
from sfm.models import Heartbeat
from sfm.networks.adapter import PostStream, StreamSource
from sfm.streams import file_names, routing
from sfm.streams.coverage import Carrier
from sfm.streams.disk_space import disk_space
from sfm.streams.errors import AnotherCollector
from sfm.streams.line_queue import LineQueue
from sfm.streams.lock import StreamLock
from sfm.streams.manifest import Manifest
from sfm.streams.proved_spans import proved_spans
from sfm.streams.quarantine import Quarantine
from sfm.streams.reader_thread import ReaderThread
from sfm.streams.removed_posts import VERSION, RemovedPosts
from sfm.streams.restarts import EXIT_CODE, RESTARTS, restarts_of
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.rule_sync import RuleSync
from sfm.streams.sinks import FileSink, Sink, StdoutSink
from sfm.streams.status import Status
from sfm.streams.verbose_log import VerboseLog
from sfm.streams.writer_thread import WriterThread
from sfm.supervisord.conf import SAMPLE_PREFIX

logger = logging.getLogger(__name__)

HOST_NAME = os.uname().nodename[:100]
HEARTBEAT_SECONDS = 0.8  # a gap after a kill begins at most so long before it
END_SECONDS = 4.0  # supervisord waits ten, the promise is five

ASKED_TO_STOP, FAILED, NEEDS_PERSON, HELD_BY_ANOTHER, NO_WORK = 0, 1, 3, 4, 5


@dataclass(frozen=True)
class CollectorOptions:
    """How a collector is started. No filters: the sample stream. `folder` None: standard output."""

    program: str
    filter_ids: tuple[int, ...]
    folder: Path | None
    root: Path
    run: Path
    interval_seconds: float
    share: bool = False
    supervised: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether its posts go into the data folder: only then does it say that it collects, and
        note and end gaps. Any other run is for trying out."""
        return self.folder is not None and self.folder.resolve() == self.root.resolve()


class Collector:
    """One run of a collector, in an app context, on the main thread."""

    def __init__(self, options: CollectorOptions, source: CredentialSource) -> None:
        self.options, self.source = options, source
        self.wake = threading.Event()
        self.status = Status(changed=self.wake.set)
        self.manifest = Manifest(options.root, options.program)
        self.queue = LineQueue()
        self.stop_signals: list[int] = []
        self._mark = installation.mark() if options.filter_ids else ""
        self._stream = connections.stream_client(source, self._mark)
        self._lookups = connections.stream_client(source, self._mark)
        self._signature: tuple[object, ...] = ()
        self._to_sync = False
        self._changed: dict[str, datetime] = {}  # streams with other rules, and since when
        self._counted = 0
        self._started_at = clock.now()
        self._restarts = restarts_of(options.program)
        self._exit_code: int | None = None
        self._verbose_log = VerboseLog()
        self.not_collected: dict[int, str] = {}  # active filters, and why they are not collected
        self.filters = self._load() if options.filter_ids else CollectedFilters({})
        self._heartbeat_ids = list(self.filters.filter_ids)  # the last word is of those it had
        self.router = Router(self.filters, self._mark) if options.filter_ids else None
        self.rules = self._rule_sync()
        self.removed = RemovedPosts()
        self.removed.refresh()
        self.sink: Sink = self._open_sink()
        quarantine = Quarantine(options.folder or options.root, options.program)
        self.writer = WriterThread(self.queue, self.sink, self.status, quarantine, self.router)
        self.reader = ReaderThread(
            self._connect,
            self.queue,
            self.status,
            self.writer.streams_of,
            gives_up=not options.supervised,
        )
        if self.rules is not None:
            self.rules.on_connect = self.reader.count_connect
        self._carrier = Carrier(
            options.program, HOST_NAME, os.getpid(), source.fingerprint, source.label
        )

    @property
    def prefixes(self) -> list[str]:
        """The streams that are written, as their files' names begin."""
        if not self.options.filter_ids:
            return [SAMPLE_PREFIX]
        return [file_names.filter_prefix(number) for number in self.filters.filter_ids]

    def run(self) -> int:
        """Collect until asked to stop or unable to go on; the exit code.

        Raises AnotherCollector, ConnectionTaken before anything is connected.
        """
        if self.router is not None and not self.filters.rules:
            return NO_WORK
        lock = self._lock_credential()
        try:
            if isinstance(self.sink, FileSink):
                self.sink.assign(self.prefixes)
            self.status.spans.set_written(self.prefixes)
            if self.rules is None:
                self.status.rules_in_force(self.prefixes)
            self._begin_record()
            self._handle_signals()
            self._verbose_log.begin(self.source.label, self.options.folder, self.filters)
            self.reader.start()
            self.writer.start()
            code = self._watch()
            return self._end(code)
        finally:
            lock.release()

    def _begin_record(self) -> None:
        """From its first start on the sample should be collected: nobody else says so. Commits."""
        if self.options.is_recorded and self.rules is None:
            begin_write()
            coverage_due.begin_sample()
            db.session.commit()

    def _lock_credential(self) -> StreamLock:
        connections.check_not_connected(self.source.fingerprint, self.options.program, HOST_NAME)
        who = connections.collectors_with(self.source.fingerprint)
        db.session.rollback()
        try:
            return StreamLock(self.options.run, f"credential-{self.source.fingerprint[:16]}")
        except AnotherCollector as taken:
            holder = f"Process {taken.pid} ({who})" if who else f"Process {taken.pid}"
            raise AnotherCollector(
                Message(
                    "%(holder)s is connected with %(label)s already, and Twitter allows one "
                    "connection. Stop it first, or use another app token.",
                    holder=holder,
                    label=self.source.label,
                ),
                taken.pid,
            ) from None

    def _open_sink(self) -> Sink:
        if self.options.folder is None:
            return StdoutSink()
        return FileSink(
            self.options.folder, self.options.run, self.options.interval_seconds,
            self.manifest.sealed, self.removed,
        )  # fmt: skip

    def _handle_signals(self) -> None:
        def stop(number: int, _frame: object) -> None:
            self.stop_signals.append(number)
            self.reader.stop()
            self.wake.set()

        def reread(_number: int, _frame: object) -> None:
            self._signature = ()
            self.reader.retry_now()
            self.wake.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reread)

    def _connect(self) -> PostStream:
        """One try, by the reader."""
        source: StreamSource = self._stream
        return source.sample_stream() if self.rules is None else self.rules.connect()

    def _rule_sync(self) -> RuleSync | None:
        if self.router is None:
            return None
        return RuleSync(self.router, self.status, self._stream, self._lookups)

    def _load(self) -> CollectedFilters:
        signature = routing.signature()
        loaded = routing.load_filters(
            self.options.filter_ids, fingerprint=self.source.fingerprint, share=self.options.share,
            only_active=self.options.supervised,
        )  # fmt: skip
        self._signature = signature  # only now: what could not be read is read again
        db.session.rollback()
        return loaded

    def _watch(self) -> int:
        """Write heartbeats until there is a reason to end; that reason as an exit code."""
        while True:
            self._follow_changes()
            self.removed.refresh()
            self._write_heartbeat(self.status.state, self.status.reason)
            self._verbose_log.progress(self.status, self.sink.in_hand, self.sink.files())
            if self.stop_signals:
                return ASKED_TO_STOP
            if self.reader.refusal is not None:
                return NEEDS_PERSON
            if self.writer.conflict is not None:
                return HELD_BY_ANOTHER
            if not (self.reader.is_alive() and self.writer.is_alive()):
                return FAILED
            if self.router is not None and not self.filters.rules:
                return NO_WORK
            self.wake.wait(HEARTBEAT_SECONDS)
            self.wake.clear()

    def _follow_changes(self) -> None:
        """New words or filters take effect on the connection that is there."""
        if self.rules is None:
            return
        try:
            if routing.signature() != self._signature:
                fresh = self._load()
                self.reader.retry_now()
                if fresh != self.filters:
                    self._change_filters(fresh)
            db.session.rollback()
        except SQLAlchemyError as exc:
            logger.warning("filters not read error=%s", exc)
            db.session.rollback()
        is_due = (self._to_sync or self.rules.is_due()) and self.rules.may_try()
        if is_due and self.filters.rules and self.status.state == "connected":
            self._sync_now(self.rules)

    def _change_filters(self, fresh: CollectedFilters) -> None:
        """Filters that are dropped are not saved from here on; new ones, or those with other
        rules, when their rules are at Twitter."""
        before, causes = self.filters, {}
        kept = [number for number in before.filter_ids if number in fresh.rules]
        for number in sorted(set(before.filter_ids) - set(kept)):
            why = routing.removal_cause(number, self.source.fingerprint)
            if why is not None:
                self.not_collected[number] = why[1]
                causes[file_names.filter_prefix(number)] = why
        self.status.spans.set_written(map(file_names.filter_prefix, kept), causes)
        self._changed |= {
            file_names.filter_prefix(number): fresh.changed_at.get(number, clock.now())
            for number in kept
            if fresh.rules[number] != before.rules[number]
        }
        self._mark_changed()
        self.filters, self._to_sync = fresh, True
        self._heartbeat_ids = list(fresh.filter_ids) or self._heartbeat_ids
        self.writer.assign(fresh)

    def _mark_changed(self) -> None:
        for prefix, changed_at in self._changed.items():
            self.status.rules_changed(prefix, changed_at)

    def _sync_now(self, rules: RuleSync) -> None:
        if not self.writer.has_assigned(wait_seconds=1.0):
            return
        self.status.spans.set_written(self.prefixes)
        self._mark_changed()  # a reconnection may have brought the rules of before once more
        try:
            rules.sync()
            self._changed.clear()
            if self._to_sync:
                logger.info("rules synced filters=%s", self.filters.filter_ids)
            self._to_sync = False
        except SfmError as exc:
            logger.warning("rules not synced, tried again soon why=%s", exc.message)

    def _write_heartbeat(self, state: str, reason: str) -> bool:
        self._count_posts()
        if not self.options.is_recorded:
            return self.manifest.write_files()
        status = self.status
        spans = proved_spans(status, self.writer, self.filters.filter_ids)
        beat = self._heartbeat(state, reason)
        is_written = self.manifest.write(
            beat, status.outages, status.open_outages(), self.prefixes, spans, self._carrier
        )
        if is_written:
            status.spans.written()
        return is_written

    def _saved_until(self) -> datetime | None:
        """Up to when all that was received is on the disk; None before the first connection.

        What came last is read first: a post that comes meanwhile makes it no later.
        """
        alive_at, oldest = self.status.alive_at, self.writer.oldest_unsaved
        if alive_at is None or oldest is None:
            return alive_at
        return min(alive_at, clock.time_of(oldest))

    def _count_posts(self) -> None:
        """Every post delivered is paid for, also what was too long or found no room."""
        delivered = self.status.posts + self.status.skipped + self.queue.dropped
        new = delivered - self._counted
        if new:
            self._lookups.count_posts("filter" if self.router else "sample", new)
            self._counted += new

    def _heartbeat(self, state: str, reason: str) -> Heartbeat:
        status = self.status
        return Heartbeat(
            program=self.options.program, filter_ids=self._heartbeat_ids,
            fingerprint=self.source.fingerprint, host=HOST_NAME, pid=os.getpid(),
            started_at=self._started_at, beat_at=clock.now(), state=state, since=status.since,
            reason=reason, wait_until=status.wait_until, saved_until=self._saved_until(),
            alive_at=status.alive_at, post_at=status.post_at, posts=status.posts,
            posts_a_minute=status.posts_a_minute, figures=self._figures(),
            revision=self.filters.revision,
        )  # fmt: skip

    def _figures(self) -> dict[str, object]:
        free, low = disk_space(self.options.folder)
        return {
            "queue": len(self.queue), "dropped": self.queue.dropped,
            "in_hand": getattr(self.sink, "in_hand", 0),
            "duplicates": getattr(self.sink, "duplicates", 0),
            "quarantined": self.writer.quarantine.count, "skipped": self.status.skipped,
            "unmatched": self.status.unmatched, "files": self.sink.files(),
            "per_filter": {str(key): count for key, count in self.writer.per_filter.items()},
            "disk_free": free, "disk_low": low, VERSION: self.removed.version,
            RESTARTS: self._restarts, EXIT_CODE: self._exit_code,
            **(self.rules.figures() if self.rules else {}),
        }  # fmt: skip

    def _end(self, code: int) -> int:
        """Save and seal everything, say so, and be done within five seconds."""
        self.reader.stop()
        self.reader.join(1.0)
        self.writer.close()
        self.writer.join(END_SECONDS - 1.0)
        lost = self.writer.count_lost()
        if code == ASKED_TO_STOP and (lost or not self.writer.safe_to_end):
            code = FAILED
        self._exit_code = code
        state, reason = self._end_status(code)
        self.status.set_status(state, reason)
        cause = state if state == "needs_person" else "ended"
        self.status.ended(cause, "" if code == ASKED_TO_STOP else reason)
        self._write_heartbeat(state, reason)
        if self.rules is not None and self.options.folder is None:  # a trial leaves none behind
            self.rules.withdraw()
        logger.info("collector ended program=%s code=%d why=%s", self.options.program, code, reason)
        return code

    def _end_status(self, code: int) -> tuple[str, str]:
        if self.reader.refusal is not None:
            return "needs_person", self.reader.refusal.message
        crash = self.reader.crash or self.writer.crash
        if crash is not None:
            known = isinstance(crash, SfmError | OSError)
            return "stopped", str(crash) if known else Message(
                "It ended with a fault; its log says more."
            )
        if self.writer.conflict is not None:
            return "stopped", self.writer.conflict.message
        none = next(
            iter(self.not_collected.values()), Message("There is no active filter to collect.")
        )
        words = {NO_WORK: none, ASKED_TO_STOP: Message("Asked to stop.")}
        return "stopped", words.get(code, Message("It ended with a fault; its log says more."))
