"""A collector without a stream: a process of its own that writes numbered posts until it ends.

    python driver.py FOLDER PREFIX FIRST_ID COUNT [INTERVAL_SECONDS [PAUSE_SECONDS [CLOCK]]]

CLOCK `standing`: the time of day stands still, so that names can be known beforehand. `new-year`:
it is two seconds to midnight when the first post is written.

It says what it did, one line each: `epoch N`, `safe ID` when all up to that id is on the disk,
`sealed NAME`, `trouble KIND`, `stopped`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sfm import clock
from sfm.streams import repair
from sfm.streams.errors import StorageTrouble
from sfm.streams.lock import StreamLock
from sfm.streams.sealing import FileFacts
from sfm.streams.writer import StreamWriter


def say(*words: object) -> None:
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def post(number: int) -> bytes:
    """A post whose length and content follow from its number."""
    dice = random.Random(number)
    text = "".join(chr(dice.randrange(97, 123)) for _ in range(dice.randrange(20, 400)))
    return b'{"data":{"id":"%d","text":"%s"}}' % (number, text.encode())


def sealed(path: Path, facts: FileFacts) -> None:
    say("sealed", path.name, facts.lines)


def write(writer: StreamWriter, first: int, count: int, pause: float) -> None:
    for number in range(first, first + count):
        if stop:
            break
        saved = writer.safe_lines
        try:
            writer.add(post(number), number)
            writer.tick()
        except StorageTrouble as trouble:
            say("trouble", trouble.kind)
            saved = until_it_works(writer)
        if writer.safe_lines > saved:
            say("safe", number - writer.in_hand)
        clock.sleep(pause)


def until_it_works(writer: StreamWriter) -> int:
    while True:
        clock.sleep(0.02)
        try:
            writer.flush()
        except StorageTrouble as trouble:
            say("trouble", trouble.kind)
        else:
            return -1


stop: list[int] = []


class StandingClock(clock.SystemClock):
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)


class NewYearClock(clock.SystemClock):
    def __init__(self) -> None:
        self.ahead = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC) - super().now()

    def now(self) -> datetime:
        return super().now() + self.ahead


CLOCKS = {"standing": StandingClock, "new-year": NewYearClock}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))
    folder, prefix = Path(sys.argv[1]), sys.argv[2]
    first, count = int(sys.argv[3]), int(sys.argv[4])
    interval, pause = (float(word) for word in (sys.argv[5:] + ["900", "0"])[:2])
    lock = StreamLock(folder.parent / "run", prefix)
    say("epoch", lock.epoch)
    repair.adopt(folder, prefix, on_sealed=sealed)
    if sys.argv[-1] in CLOCKS:
        clock.use(CLOCKS[sys.argv[-1]]())
    writer = StreamWriter(folder, prefix, lock.epoch, interval, sealed)
    write(writer, first, count, pause)
    writer.close()
    say("stopped")


if __name__ == "__main__":
    main()
