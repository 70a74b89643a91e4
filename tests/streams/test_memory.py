"""What a collector holds in memory does not grow with what it has filed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sfm.networks.rules import Rule
from sfm.streams import file_names
from sfm.streams.line_queue import LineQueue
from sfm.streams.quarantine import Quarantine
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.sinks import FileSink
from sfm.streams.status import Status
from sfm.streams.writer_thread import WriterThread
from tests.rounds import rounds
from tests.streams.conftest import ids_in, sealed_files

RULE = Rule("flood")
MARK = "0a1b2c3d"
TEXT = "x" * 1200  # with it, lines are as long as Twitter's


def line(number: int) -> bytes:
    return (
        b'{"data":{"id":"%d","text":"%s"},"matching_rules":[{"id":"1","tag":"%s"}]}'
        % (number, TEXT.encode(), RULE.tag(MARK).encode())
    )  # fmt: skip


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def feed(queue: LineQueue, filer: WriterThread, first: int, last: int) -> None:
    """Put in all of them, as fast as they are filed, and wait until they are."""
    for number in range(first, last + 1):
        while len(queue) > 500:
            time.sleep(0.001)
            assert filer.is_alive()
        assert queue.put(line(number))
    while filer.per_filter[1] < last:
        time.sleep(0.01)
        assert filer.is_alive()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_memory_stays_while_posts_come(folder: Path) -> None:
    """CP14: within 20 MB over a hundred thousand posts, a million in the long form."""
    count = rounds(100_000, 1_000_000)
    queue = LineQueue()
    sink = FileSink(folder, folder.parent / "run", 3600, lambda path, facts: None)
    sink.take(file_names.filter_prefix(1))
    quarantine = Quarantine(folder, "twitterfilter-1")
    filer = WriterThread(
        queue, sink, Status(), quarantine, Router(CollectedFilters({1: (RULE,)}), MARK)
    )
    filer.start()
    feed(queue, filer, 1, count // 5)
    before = resident_mb()
    feed(queue, filer, count // 5 + 1, count)
    grown = resident_mb() - before
    filer.close()
    filer.join(60)
    assert filer.safe_to_end
    assert sum(ids_in(sealed_files(folder)).values()) == count
    assert 0.8 * count * len(line(count)) / 1e6 > 100, "too little came to tell"
    assert grown < 20
