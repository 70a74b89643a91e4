"""A collector: one connection, its filters, their files; what the two stream commands run.

Three threads: the reader owns the connection, the filer owns the files, and this one, the main
thread, says every two seconds what is going on, follows changes of the filters, and takes signals.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import connections, installation
from sfm.filters.connections import CredentialSource
from sfm.messages import Message
from sfm.models import Heartbeat
from sfm.networks.adapter import PostStream, StreamSource
from sfm.streams import file_names, routing
from sfm.streams.errors import AnotherCollector
from sfm.streams.line_queue import LineQueue
from sfm.streams.lock import StreamLock
from sfm.streams.manifest import Manifest, outage_before
from sfm.streams.quarantine import Quarantine
from sfm.streams.reader_thread import ReaderThread
from sfm.streams.removed import VERSION, RemovedPosts
from sfm.streams.routing import Carried, Router
from sfm.streams.rule_keeper import RuleKeeper
from sfm.streams.sinks import FileSink, Sink, StdoutSink
from sfm.streams.status import Status
from sfm.streams.writer_thread import WriterThread
from sfm.supervisord.conf import SAMPLE_PREFIX
from sfm.twitter import endpoints

logger = logging.getLogger(__name__)

HOST = os.uname().nodename[:100]
BEAT_SECONDS = 2.0
END_SECONDS = 4.0  # supervisord waits ten, the promise is five

ASKED_TO_STOP, FAILED, NEEDS_PERSON, HELD_BY_ANOTHER, NO_WORK = 0, 1, 3, 4, 5


@dataclass(frozen=True)
class CollectorTask:
    """What a command asks for. No filters: the sample stream. `folder` None: standard output."""

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

    def __init__(self, job: CollectorTask, source: CredentialSource) -> None:
        self.job, self.source = job, source
        self.wake = threading.Event()
        self.status = Status(changed=self.wake.set)
        self.ledger = Manifest(job.root, job.program)
        self.queue = LineQueue()
        self.asked: list[int] = []
        self._mark = installation.mark() if job.filter_ids else ""
        self._stream = connections.stream_client(source, self._mark)
        self._lookups = connections.stream_client(source, self._mark)
        self._signature: tuple[object, ...] = ()
        self._to_sync = False
        self._counted = 0
        self._started_at = clock.now()
        self.not_carried: dict[int, str] = {}  # filters that are wanted, and why not
        self.carried = self._load() if job.filter_ids else Carried({})
        self.router = Router(self.carried, self._mark) if job.filter_ids else None
        self.rules = self._keeper()
        self.removed = RemovedPosts()
        self.removed.refresh()
        self.sink: Sink = self._open_sink()
        quarantine = Quarantine(job.folder or job.root, job.program)
        self.filer = WriterThread(self.queue, self.sink, self.status, quarantine, self.router)
        self.reader = ReaderThread(self._connect, self.queue, self.status)

    @property
    def prefixes(self) -> list[str]:
        """The streams that are written, as their files' names begin."""
        if not self.job.filter_ids:
            return [SAMPLE_PREFIX]
        return [file_names.filter_prefix(number) for number in self.carried.filter_ids]

    def run(self) -> int:
        """Collect until asked to stop or unable to go on; the exit code.

        Raises AnotherCollector, ConnectionTaken before anything is connected.
        """
        if self.router is not None and not self.carried.rules:
            return NO_WORK
        lock = self._hold_credential()
        try:
            if isinstance(self.sink, FileSink):
                self.sink.carry(self.prefixes)
            self._note_missed(self.prefixes)
            self._listen()
            self.reader.start()
            self.filer.start()
            code = self._watch()
            return self._end(code)
        finally:
            lock.release()

    def _note_missed(self, prefixes: list[str]) -> None:
        """What these streams have missed before they are carried here. Ends the transaction."""
        if self.job.is_recorded:
            self.status.missing_since(outage_before(prefixes, self.source.fingerprint))
        db.session.rollback()

    def _hold_credential(self) -> StreamLock:
        connections.check_not_connected(self.source.fingerprint, self.job.program, HOST)
        who = connections.collectors_with(self.source.fingerprint)
        db.session.rollback()
        try:
            return StreamLock(self.job.run, f"credential-{self.source.fingerprint[:16]}")
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
        if self.job.folder is None:
            return StdoutSink()
        return FileSink(
            self.job.folder, self.job.run, self.job.interval_seconds, self.ledger.sealed,
            self.removed,
        )  # fmt: skip

    def _listen(self) -> None:
        def stop(number: int, _frame: object) -> None:
            self.asked.append(number)
            self.reader.stop()
            self.wake.set()

        def reread(_number: int, _frame: object) -> None:
            self._signature = ()
            self.wake.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, reread)

    def _connect(self) -> PostStream:
        """One try, by the reader."""
        source: StreamSource = self._stream
        return source.sample_stream() if self.rules is None else self.rules.connect()

    def _keeper(self) -> RuleKeeper | None:
        if self.router is None:
            return None
        return RuleKeeper(self.router, self.status, self._stream, self._lookups)

    def _load(self) -> Carried:
        self._signature = routing.signature()
        carried = routing.carried_filters(
            self.job.filter_ids, fingerprint=self.source.fingerprint, share=self.job.share,
            only_active=self.job.supervised,
        )  # fmt: skip
        db.session.rollback()
        return carried

    def _watch(self) -> int:
        """Beat until there is a reason to end; that reason as an exit code."""
        while True:
            self._follow_changes()
            self.removed.refresh()
            self._beat(self.status.state, self.status.reason)
            if self.asked:
                return ASKED_TO_STOP
            if self.reader.refusal is not None:
                return NEEDS_PERSON
            if self.filer.conflict is not None:
                return HELD_BY_ANOTHER
            if not (self.reader.is_alive() and self.filer.is_alive()):
                return FAILED
            if self.router is not None and not self.carried.rules:
                return NO_WORK
            self.wake.wait(BEAT_SECONDS)
            self.wake.clear()

    def _follow_changes(self) -> None:
        """New words or filters take effect on the connection that is there."""
        if self.rules is None:
            return
        try:
            if routing.signature() != self._signature:
                fresh = self._load()
                if fresh != self.carried:
                    self._change_filters(fresh)
            db.session.rollback()
        except SQLAlchemyError as exc:
            logger.warning("filters not read error=%s", exc)
            db.session.rollback()
        is_due = self._to_sync or self.rules.is_due()
        if is_due and self.carried.rules and self.status.state == "connected":
            self._sync_now(self.rules)

    def _change_filters(self, fresh: Carried) -> None:
        """Those that are no longer carried have a gap from here on, as new ones have until now."""
        before = set(self.carried.filter_ids)
        saved_until = self._saved_until()
        for number in sorted(before - set(fresh.filter_ids)):
            why = routing.why_left(number, self.source.fingerprint)
            if why is not None:
                self.not_carried[number] = why[1]
                self.status.left(file_names.filter_prefix(number), saved_until or clock.now(), *why)
        self.carried, self._to_sync = fresh, True
        self.filer.carry(fresh)
        added = sorted(set(fresh.filter_ids) - before)
        self._note_missed([file_names.filter_prefix(number) for number in added])

    def _sync_now(self, rules: RuleKeeper) -> None:
        if not self.filer.carries(wait_seconds=1.0):
            return
        try:
            rules.sync()
            if self._to_sync:
                logger.info("rules synced filters=%s", self.carried.filter_ids)
            self._to_sync = False
            self.status.carried_again()
        except SfmError as exc:
            logger.warning("rules not synced, tried again soon why=%s", exc.message)

    def _beat(self, state: str, reason: str) -> bool:
        self._count_posts()
        if not self.job.is_recorded:
            return self.ledger.write_files()
        saving = self.prefixes if state == "connected" and not self._to_sync else []
        beat = self._heartbeat(state, reason)
        status = self.status
        return self.ledger.write(beat, status.outages, status.going_on(), self.prefixes, saving)

    def _saved_until(self) -> datetime | None:
        """Up to when all that was received is on the disk; None before the first connection.

        What came last is read first: a post that comes meanwhile makes it no later.
        """
        alive_at, oldest = self.status.alive_at, self.filer.oldest_unsaved
        if alive_at is None or oldest is None:
            return alive_at
        age = timedelta(seconds=max(0.0, clock.monotonic() - oldest))
        return min(alive_at, clock.now() - age)

    def _count_posts(self) -> None:
        """Every post delivered is paid for."""
        new = self.status.posts - self._counted
        if new:
            endpoint = endpoints.FILTER_STREAM if self.router else endpoints.SAMPLE_STREAM
            self._lookups.count_posts(endpoint, new)
            self._counted += new

    def _heartbeat(self, state: str, reason: str) -> Heartbeat:
        status = self.status
        return Heartbeat(
            program=self.job.program, filter_ids=list(self.carried.filter_ids),
            fingerprint=self.source.fingerprint, host=HOST, pid=os.getpid(),
            started_at=self._started_at, beat_at=clock.now(), state=state, since=status.since,
            reason=reason, wait_until=status.wait_until, saved_until=self._saved_until(),
            alive_at=status.alive_at, post_at=status.post_at, posts=status.posts,
            posts_a_minute=status.posts_a_minute, figures=self._figures(),
            revision=self.carried.revision,
        )  # fmt: skip

    def _figures(self) -> dict[str, object]:
        free, low = room(self.job.folder)
        return {
            "queue": len(self.queue), "dropped": self.queue.dropped,
            "in_hand": getattr(self.sink, "in_hand", 0),
            "duplicates": getattr(self.sink, "duplicates", 0),
            "quarantined": self.filer.quarantine.count, "skipped": self.status.skipped,
            "unmatched": self.status.unmatched, "files": self.sink.files(),
            "per_filter": {str(key): count for key, count in self.filer.per_filter.items()},
            "disk_free": free, "disk_low": low, VERSION: self.removed.version,
            **(self.rules.figures() if self.rules else {}),
        }  # fmt: skip

    def _end(self, code: int) -> int:
        """Save and seal everything, say so, and be done within five seconds."""
        self.reader.stop()
        self.reader.join(1.0)
        self.filer.close()
        self.filer.join(END_SECONDS - 1.0)
        lost = self.filer.count_lost()
        if code == ASKED_TO_STOP and (lost or not self.filer.safe_to_end):
            code = FAILED
        state, reason = self._last_words(code)
        self.status.show(state, reason)
        self._beat(state, reason)
        if self.rules is not None and self.job.folder is None:  # a trial leaves none behind
            self.rules.withdraw()
        logger.info("collector ended program=%s code=%d why=%s", self.job.program, code, reason)
        return code

    def _last_words(self, code: int) -> tuple[str, str]:
        if self.reader.refusal is not None:
            return "needs_person", self.reader.refusal.message
        crash = self.reader.crash or self.filer.crash
        if crash is not None:
            known = isinstance(crash, SfmError | OSError)
            return "stopped", str(crash) if known else Message(
                "It ended with a fault; its log says more."
            )
        if self.filer.conflict is not None:
            return "stopped", self.filer.conflict.message
        none = next(
            iter(self.not_carried.values()), Message("There is no active filter to collect.")
        )
        words = {NO_WORK: none, ASKED_TO_STOP: Message("Asked to stop.")}
        return "stopped", words.get(code, Message("It ended with a fault; its log says more."))


def room(folder: Path | None) -> tuple[int, bool]:
    """Free bytes where files are written, and whether that is little: under 5 % or 1 GiB."""
    if folder is None:
        return 0, False
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, False
    return usage.free, usage.free < max(usage.total * 0.05, 1024**3)
