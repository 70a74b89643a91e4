"""One transaction for what several threads of a run want written at the same time.

A disk takes as long to keep one page of tweets as four, and a database as long to begin and commit.
So whoever comes first waits a moment for the others, and writes for all of them.
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

LINGER_SECONDS = 0.02
# Trouble of the database or the run, which each of them would meet again.
_EVERYBODYS = (DatabaseTrouble, LeaseLost, Postponed)


@dataclass
class _PendingWrite:
    """What one thread wants written, and what came of it."""

    work: Callable[[], Any]
    added: Callable[[Any], int]
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None


class GroupCommit:
    """Written with by one thread at a time, for all that wait. Safe between threads.

    `fence` is the last step of each transaction, given how many items were added in it.
    """

    def __init__(self, fence: Callable[[int], object]) -> None:
        self._fence = fence
        self._lock = threading.Lock()
        self._all_here = threading.Condition(self._lock)  # who writes waits for the others
        self._written = threading.Condition(self._lock)  # the others wait for who writes
        self._waiting: list[_PendingWrite] = []
        self._is_taken = False
        self._hands = 0

    @contextmanager
    def hand(self) -> Iterator[None]:
        """For as long as a thread may come to write: others wait a moment for it."""
        with self._lock:
            self._hands += 1
        try:
            yield
        finally:
            with self._lock:
                self._hands -= 1
                self._all_here.notify()

    def write(self, work: Callable[[], T], added: Callable[[T], int] = lambda _result: 0) -> T:
        """Do `work` as `unit_of_work` does, and raise what it raises.

        `added` says of its result how many items are new. The work may be done in another thread,
        in one transaction with the work of others, and more than once: where any of them fails,
        all is rolled back and each is done by itself.
        """
        wish = _PendingWrite(work, added)
        with self._lock:
            self._waiting.append(wish)
            if self._are_all_here():
                self._all_here.notify()
            self._written.wait_for(lambda: wish.is_done or not self._is_taken)
            mine = not wish.is_done
            self._is_taken = self._is_taken or mine
        if mine:
            self._write_for_all()
        if wish.error is not None:
            raise wish.error
        result: T = wish.result
        return result

    def _write_for_all(self) -> None:
        batch: list[_PendingWrite] = []
        try:
            with self._lock:
                self._all_here.wait_for(self._are_all_here, LINGER_SECONDS)
                batch, self._waiting = self._waiting, []
            self._do(batch)
        finally:
            with self._lock:
                for wish in batch:
                    wish.is_done = True
                self._is_taken = False
                self._written.notify_all()

    def _are_all_here(self) -> bool:
        return len(self._waiting) >= self._hands

    def _do(self, batch: list[_PendingWrite]) -> None:
        try:
            self._together(batch)
        except Exception as exc:
            if len(batch) == 1 or isinstance(exc, _EVERYBODYS):
                _fail(batch, exc)
                return
            for wish in batch:  # whose fault it was shows when each is done alone
                self._do([wish])
        except BaseException as exc:  # this thread is to end; the others must not think it done
            _fail(batch, exc)

    def _together(self, batch: list[_PendingWrite]) -> None:
        def all_of_it() -> list[Any]:
            results = [wish.work() for wish in batch]
            self._fence(
                sum(wish.added(result) for wish, result in zip(batch, results, strict=True))
            )
            return results

        for wish, result in zip(batch, unit_of_work(all_of_it), strict=True):
            wish.result = result


def _fail(batch: list[_PendingWrite], exc: BaseException) -> None:
    for wish in batch:
        wish.error = exc
