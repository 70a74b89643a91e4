"""A stream that cannot be begun at the moment: the others go on, and it is tried again."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from sfm.networks.rules import Rule
from sfm.streams.line_queue import LineQueue
from sfm.streams.lock import StreamLock, holder
from sfm.streams.quarantine import Quarantine
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.sealing import FileFacts
from sfm.streams.sinks import FileSink
from sfm.streams.status import Status
from sfm.streams.writer import StreamWriter
from sfm.streams.writer_thread import WriterThread
from tests.streams.conftest import ids_in, sealed_files
from tests.streams.driver import post
from tests.waiting import wait_for

FLOOD, STORM = Rule("flood"), Rule("storm")


@pytest.fixture
def obstacle(folder: Path) -> Path:
    """Stands where the lock of filter 2 is to be: it cannot be taken or written."""
    path = folder.parent / "run" / "twitterfilter-2.lock"
    path.mkdir(parents=True)
    return path


def sink_of(folder: Path) -> FileSink:
    return FileSink(folder, folder.parent / "run", 900, lambda path, facts: None)


def test_a_stream_that_could_not_be_begun_leaves_its_lock_free(folder: Path) -> None:
    """K-27: what a killed process left is sealed first, and just then something fails."""

    def fails(_path: Path, _facts: FileFacts) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    left = StreamWriter(folder, "twitterfilter-2", 1, 900)
    for number in range(60):
        left.add(post(number), number)
    sink = FileSink(folder, folder.parent / "run", 900, fails)
    with pytest.raises(OSError, match="No space left"):
        sink.take("twitterfilter-2")
    assert holder(folder.parent / "run", "twitterfilter-2") is None
    sink.take("twitterfilter-2")
    sink.close()


def test_a_lock_whose_start_cannot_be_noted_is_free(tmp_path: Path) -> None:
    """K-27, K-28: no file may grow here, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            StreamLock(tmp_path, "twitterfilter-2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    StreamLock(tmp_path, "twitterfilter-2").release()


def test_a_filter_that_cannot_be_added_ends_no_shared_collector(
    folder: Path, obstacle: Path
) -> None:
    """K-28: the filters there are go on, and the new one follows as soon as it can."""
    before = CollectedFilters({1: (FLOOD,)})
    queue, sink, router = LineQueue(), sink_of(folder), Router(before, "m1")
    sink.assign(["twitterfilter-1"])
    quarantine = Quarantine(folder, "twitterfilter-1")
    writer = WriterThread(queue, sink, Status(), quarantine, router)
    writer.start()
    writer.assign(CollectedFilters({1: (FLOOD,), 2: (STORM,)}))
    tag = f'"matching_rules":[{{"id":"1","tag":"{FLOOD.tag("m1")}"}}]'
    for number in range(1, 4):
        queue.put(post(number)[:-1] + b"," + tag.encode() + b"}")
    wait_for(lambda: writer.per_filter[1] == 3)
    assert writer.is_alive()
    assert not writer.has_assigned(0)
    obstacle.rmdir()
    assert writer.has_assigned(60)
    writer.close()
    writer.join(60)
    assert writer.crash is None
    assert ids_in(sealed_files(folder)) == {1: 1, 2: 1, 3: 1}
