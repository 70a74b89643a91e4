"""One transaction for what several threads of a run want written at the same time.

A disk takes as long to sync one page of posts as four, and a database as long to begin and commit.
So the first thread waits a moment for the others and commits the writes of all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sfm.runs.errors import DatabaseTrouble, LeaseLost, Postponed
from sfm.runs.transactions import unit_of_work

T = TypeVar("T")

JOIN_SECONDS = 0.02
# Errors of the database or the run itself, which every write of the batch would meet again.
_COMMON_ERRORS = (DatabaseTrouble, LeaseLost, Postponed)


@dataclass
class _PendingWrite:
    """The write of one thread, with its result or error."""

    work: Callable[[], Any]
    added: Callable[[Any], int]
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None


class GroupCommit:
    """Commits the pending writes of all threads that have joined. Safe between threads.

    `check_lease` is the last step of each transaction, given how many items were added in it.
    """

    def __init__(self, check_lease: Callable[[int], object]) -> None:
        self._check_lease = check_lease
        self._lock = threading.Lock()
        self._batch_complete = threading.Condition(self._lock)  # the writing thread waits on it
        self._written = threading.Condition(self._lock)  # the other threads wait on it
        self._waiting: list[_PendingWrite] = []
        self._is_writing = False
        self._thread_count = 0

    @contextmanager
    def join(self) -> Iterator[None]:
        """Inside the `with`, this thread may commit: the others wait a moment for its write."""
        with self._lock:
            self._thread_count += 1
        try:
            yield
        finally:
            with self._lock:
                self._thread_count -= 1
                self._batch_complete.notify()

    def commit(self, work: Callable[[], T], added: Callable[[T], int] = lambda _result: 0) -> T:
        """Do `work` as `unit_of_work` does, and raise what it raises.

        `added` gives the number of new items in its result. The work may be done in another
        thread, in one transaction with the work of others, and more than once: where one of them
        fails, all are rolled back and each is done in a transaction of its own.
        """
        pending = _PendingWrite(work, added)
        with self._lock:
            self._waiting.append(pending)
            if self._is_batch_complete():
                self._batch_complete.notify()
            self._written.wait_for(lambda: pending.is_done or not self._is_writing)
            mine = not pending.is_done
            self._is_writing = self._is_writing or mine
        if mine:
            self._write_batch()
        if pending.error is not None:
            raise pending.error
        result: T = pending.result
        return result

    def _write_batch(self) -> None:
        batch: list[_PendingWrite] = []
        try:
            with self._lock:
                self._batch_complete.wait_for(self._is_batch_complete, JOIN_SECONDS)
                batch, self._waiting = self._waiting, []
            self._write(batch)
        finally:
            with self._lock:
                for pending in batch:
                    pending.is_done = True
                self._is_writing = False
                self._written.notify_all()

    def _is_batch_complete(self) -> bool:
        return len(self._waiting) >= self._thread_count

    def _write(self, batch: list[_PendingWrite]) -> None:
        try:
            self._write_together(batch)
        except Exception as exc:
            if len(batch) == 1 or isinstance(exc, _COMMON_ERRORS):
                _fail(batch, exc)
                return
            for pending in batch:  # alone, only the write that fails is refused
                self._write([pending])
        except BaseException as exc:  # this thread ends: the writes of the others are not done
            _fail(batch, exc)

    def _write_together(self, batch: list[_PendingWrite]) -> None:
        def write_all() -> list[Any]:
            results = [pending.work() for pending in batch]
            self._check_lease(
                sum(pending.added(result) for pending, result in zip(batch, results, strict=True))
            )
            return results

        for pending, result in zip(batch, unit_of_work(write_all), strict=True):
            pending.result = result


def _fail(batch: list[_PendingWrite], exc: BaseException) -> None:
    for pending in batch:
        pending.error = exc
