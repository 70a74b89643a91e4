"""The end of a collector of many filters: everything is saved first, then sealed."""

from __future__ import annotations

import gzip
from pathlib import Path

from sfm.streams.sealing import FileFacts
from sfm.streams.sinks import FileSink
from tests.conftest import FrozenClock

PREFIXES = [f"twitterfilter-{number}" for number in range(1, 6)]


def test_all_streams_are_saved_before_the_first_file_is_packed_anew(
    tmp_path: Path, clock: FrozenClock
) -> None:
    """K-17: a process that is killed while it packs had not yet saved the last ones' batches."""
    ended: list[FileFacts] = []
    lines_at_first: list[int] = []

    def count_lines() -> int:
        files = [*tmp_path.glob("*.gz"), *tmp_path.glob("*.open")]
        return sum(gzip.decompress(file.read_bytes()).count(b"\n") for file in files)

    def sealed(_path: Path, facts: FileFacts) -> None:
        lines_at_first.append(count_lines())
        ended.append(facts)
        clock.advance(0.6)  # as long as packing a quiet quarter of an hour takes

    sink = FileSink(tmp_path, tmp_path / "run", 900, sealed)
    sink.assign(PREFIXES)
    for number in range(3):  # a second apart: a member each
        for prefix in PREFIXES:
            sink.add(prefix, b'{"id": "%d"}' % number, number)
        if number < 2:
            clock.advance(1.5)
            sink.tick()
    sink.close()
    assert lines_at_first[0] == 3 * len(PREFIXES)
    assert [facts.members for facts in ended] == [1, 1, 3, 3, 3], "packing stops after a second"
    assert sink.in_hand == 0
    assert len(list(tmp_path.glob("*Z.gz"))) == len(PREFIXES), "all are sealed"
