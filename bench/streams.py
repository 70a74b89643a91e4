"""Streams: the writer beside the original's way, from socket to synced file, and memory.

The original wrote each line into Python's gzip (level 6 here; its own default, 9, is slower) and
synced nothing. Ours syncs every batch. Rates are per CPU second of the collecting process. How long
a filter's save takes to be collecting is on the clock.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from bench.synthetic import World
from bench.table import Row, cpu_seconds, median_pair, show
from bench.v2_records import as_v2
from sfm import clock
from sfm.models import Heartbeat
from sfm.networks.errors import OutOfCredits
from sfm.networks.rules import Rule
from sfm.streams import file_names
from sfm.streams.line_queue import LineQueue
from sfm.streams.quarantine import Quarantine
from sfm.streams.reader_thread import ReaderThread
from sfm.streams.routing import CollectedFilters, Router
from sfm.streams.sinks import FileSink
from sfm.streams.status import Status
from sfm.streams.writer import StreamWriter
from sfm.streams.writer_thread import WriterThread
from sfm.twitter.http_client import new_pool, send
from sfm.twitter.read_limits import ReadLimits
from sfm.twitter.stream_connection import StreamConnection

ROOT = Path(__file__).resolve().parent.parent
POSTS, SLOW_POSTS, MANY = 20_000, 3_000, 1_000_000
RULE = Rule("flood")
MARK = "bench"  # of the installation
MATCHED = [{"id": "1166916266197536768", "tag": RULE.tag(MARK)}]

SERVER = """
import socket, sys
lines = open(sys.argv[1], "rb").read().split(b"\\n")[:-1]
count = int(sys.argv[2])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.recv(65536)
peer.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
chunk = b"".join(b"%x\\r\\n%s\\r\\n\\r\\n" % (len(line) + 2, line) for line in lines)
for _ in range(count // len(lines)):
    peer.sendall(chunk)
peer.sendall(b"0\\r\\n\\r\\n")
peer.close()
"""


def stream_lines(count: int) -> list[bytes]:
    """Lines as a filter stream sends them."""
    lines = []
    for tweet in World().v1(count):
        line = {**as_v2(tweet), "matching_rules": MATCHED}
        lines.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode())
    return lines


def original_way(lines: list[bytes], target: Path) -> None:
    with gzip.open(target, "wb", compresslevel=6) as file:
        for line in lines:
            file.write(line + b"\n")


def our_way(lines: list[bytes], folder: Path) -> None:
    writer = StreamWriter(folder, file_names.filter_prefix(1), 1, 3600)
    for number, line in enumerate(lines):
        writer.add(line, number)
    writer.close()


def total_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*Z.gz"))


def fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def writing(lines: list[bytes], folder: Path) -> list[Row]:
    last: list[Path] = []

    def ours() -> float:
        last.append(fresh(folder))
        return cpu_seconds(partial(our_way, lines, last[-1]))

    peer = folder / "original.gz"
    ours_s, original_s = median_pair(ours, lambda: cpu_seconds(partial(original_way, lines, peer)))
    size, size_of_original = total_size(last[-1]), peer.stat().st_size
    return [
        row("writer, synced: posts per CPU second", len(lines) / ours_s, len(lines) / original_s,
            ">= 1.5"),
        row("sealed size of full batches, bytes a post", size / len(lines),
            size_of_original / len(lines), "<= 1.1"),
        slow_stream(lines[:SLOW_POSTS], folder),
    ]  # fmt: skip


def slow_stream(lines: list[bytes], folder: Path) -> Row:
    """One post a second: members of one line while it grows, packed anew when it is sealed."""
    place, peer = fresh(folder), folder / "slow.gz"
    writer = StreamWriter(place, file_names.filter_prefix(1), 1, 3600)
    for number, line in enumerate(lines):
        writer.add(line, number)
        writer.flush()
    writer.close()
    original_way(lines, peer)
    return row("sealed size of a slow stream, bytes a post", total_size(place) / len(lines),
               peer.stat().st_size / len(lines), "<= 1.1")  # fmt: skip


def row(what: str, ours: float, peer: float, goal: str) -> Row:
    return Row(what, f"{ours:,.0f}", f"{peer:,.0f}", ours / peer, goal)


class PatientQueue(LineQueue):
    """Waits for room: a benchmark sends faster than any stream, and must lose nothing."""

    def put(self, line: bytes, received: float | None = None) -> bool:
        while not self.is_half_empty:
            time.sleep(0.001)
        return super().put(line, received)


def collect(file: Path, count: int, folder: Path) -> int:
    """Everything between the socket and the synced file, as the command runs it."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(file), str(count)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    status, queue = Status(), PatientQueue()
    sink = FileSink(folder, folder / "run", 3600, lambda path, facts: None)
    sink.take(file_names.filter_prefix(1))
    router = Router(CollectedFilters({1: (RULE,)}), MARK)
    filer = WriterThread(queue, sink, status, Quarantine(folder, "bench"), router)
    reader = ReaderThread(lambda: connect(port), queue, status, filer.streams_of)
    filer.start()
    reader.start()
    server.wait()
    while status.posts < count and reader.is_alive():
        time.sleep(0.02)
    reader.stop()
    filer.close()
    filer.join()
    return sum(filer.per_filter.values())


answered: set[int] = set()


def connect(port: int) -> StreamConnection:
    if port in answered:
        raise OutOfCredits("The server has said all it had to say.")  # ends the reader for good
    answered.add(port)
    limits = ReadLimits(30.0)
    address = f"http://127.0.0.1:{port}/"
    stream = send(new_pool(), "GET", address, authorization="", limits=limits)
    limits.lift()
    return StreamConnection(stream)


def socket_to_file(lines: list[bytes], folder: Path) -> Row:
    file = folder / "lines"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    rates = []
    for _ in range(3):
        done: list[int] = []
        place = fresh(folder)
        spent = cpu_seconds(
            lambda place=place, done=done: done.append(collect(file, len(lines), place))
        )
        assert done == [len(lines)], done
        rates.append(len(lines) / spent)
    median = sorted(rates)[1]
    return row("socket to synced file: posts per CPU second", median, 8_000, ">= 1")


def memory(lines: list[bytes], folder: Path) -> Row:
    """A million posts through filer and writer; what is resident at a fifth, and at the end."""
    status, queue = Status(), LineQueue()
    sink = FileSink(folder, folder / "run", 3600, lambda path, facts: None)
    sink.take(file_names.filter_prefix(1))
    filer = WriterThread(
        queue,
        sink,
        status,
        Quarantine(folder, "bench"),
        Router(CollectedFilters({1: (RULE,)}), MARK),
    )
    number = re.compile(rb'"id":"(\d+)"')
    pieces = [number.split(line, maxsplit=1) for line in lines[:2_000]]
    seen: list[float] = []
    for count in range(MANY):
        before, _, after = pieces[count % len(pieces)]
        filer._file(b'%s"id":"%d"%s' % (before, 10**18 + count, after), 0.0)
        if count in (MANY // 5, MANY - 1):
            seen.append(resident_mb())
            for old in folder.glob("*Z.gz"):
                old.unlink()
    sink.close()
    return Row("memory over a million posts, MB more", f"{seen[1] - seen[0]:,.1f}", "20",
               max(0.0, seen[1] - seen[0]) / 20, "<= 1")  # fmt: skip


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def save_to_collecting(folder: Path) -> list[Row]:
    """Seconds from the save of a filter to its connection, as `make run` has it: supervisord, the
    collector's own process, the sandbox. The machine has to be idle. SQLite; medians of five."""
    from sfm.sandbox.server import Sandbox

    with Sandbox(crowd=2) as sandbox, supervised(folder, sandbox.url, sandbox.bearer_token):
        pairs = [seconds_to_collecting(number) for number in range(5)]
    calls, whole = (sorted(column) for column in zip(*pairs, strict=True))
    return [
        Row("supervisord told of a new filter, ms",
            f"{calls[2] * 1000:.0f} (most {calls[-1] * 1000:.0f})", "100", calls[2] / 0.1,
            "<= 1"),
        Row("save of a filter to collecting, s", f"{whole[2]:.2f} (most {whole[-1]:.2f})", "3",
            whole[2] / 3, "<= 1"),
    ]  # fmt: skip


@contextmanager
def supervised(folder: Path, api_root: str, token: str) -> Iterator[None]:
    """A context of an installation under a real supervisord, whose collectors are like it."""
    from flask_migrate import upgrade

    from sfm.config import Settings
    from sfm.factory import create_app
    from sfm.filters import reconcile
    from sfm.supervisord.own_conf import write_main

    settings = Settings(
        instance=folder, database_url=f"sqlite:///{folder / 'bench.sqlite3'}",
        secret_key="for benchmarks " * 3, twitter_api_root=api_root, twitter_bearer_token=token,
    )  # fmt: skip
    env = {
        "PATH": os.environ["PATH"], "SFM_INSTANCE": str(folder),
        "SFM_DATABASE_URL": settings.database_url, "SFM_SECRET_KEY": settings.secret_key,
        "SFM_TWITTER_API_ROOT": api_root, "SFM_TWITTER_BEARER_TOKEN": token,
    }  # fmt: skip
    with create_app(settings).app_context():
        upgrade()
        command = [
            Path(sys.executable).with_name("supervisord"),
            "-c",
            write_main(settings, web=False),
        ]
        daemon = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        try:
            while not reconcile.supervisord_client().view().manager.is_running:
                time.sleep(0.05)
            yield
        finally:
            daemon.terminate()
            daemon.wait(30)


def seconds_to_collecting(number: int) -> tuple[float, float]:
    """One filter: the client's call after its save, and from before the save until its first
    heartbeat says connected; then it goes away."""
    from sfm.database import db
    from sfm.filters import reconcile as filter_reconcile
    from sfm.filters import service
    from sfm.filters.account_lookup import People
    from sfm.filters.drafting import FilterDraft
    from sfm.models import User

    user = db.session.query(User).first() or User(username="bench")
    db.session.add(user)
    db.session.commit()
    asked_at, began = clock.now(), time.perf_counter()
    draft = FilterDraft(f"Number {number}", user.id, words="the")
    made = service.save(draft, People({}, {}))
    db.session.commit()
    announced_at = time.perf_counter()
    filter_reconcile.apply()
    announced_seconds = time.perf_counter() - announced_at
    program = f"twitterfilter-{made.id}"
    while not is_connected(db.session.get(Heartbeat, program), asked_at):
        if time.perf_counter() - began > 60:
            raise RuntimeError(f"{program} did not connect within a minute")
        db.session.rollback()
        time.sleep(0.01)
    took = time.perf_counter() - began
    service.delete(made)
    db.session.commit()
    filter_reconcile.apply(stop_seconds=20)
    return announced_seconds, took


def is_connected(beat: Heartbeat | None, asked_at: datetime) -> bool:
    """By a process that was started since: the number of a filter may have been used before."""
    return beat is not None and beat.state == "connected" and beat.started_at >= asked_at


def main() -> list[Row]:
    """All findings. The long one, memory, takes a minute."""
    lines = stream_lines(POSTS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work: list[Callable[[], list[Row]]] = [
            lambda: save_to_collecting(fresh(folder)),
            lambda: writing(lines, folder),
            lambda: [socket_to_file(lines, folder)],
            lambda: [memory(lines, fresh(folder))],
        ]
        rows = [measured for measure in work for measured in measure()]
    return show(f"Streams ({sum(map(len, lines)) / len(lines):,.0f} bytes a post)", rows)


if __name__ == "__main__":
    main()
