"""What a kill leaves behind is made whole; one writer at a time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sfm.streams import lock, repair
from sfm.streams.errors import AnotherCollector
from sfm.streams.gzip_members import member
from sfm.streams.lock import StreamLock
from sfm.streams.sealing import FileFacts, read_facts
from tests.rounds import rounds
from tests.streams.conftest import PREFIX, Driver, ids_in, sealed_files, zcat
from tests.streams.driver import post

NAME = "twitterfilter-12-2026-11-22T12-00-00.000000-1Z.gz"
Drive = Callable[..., Driver]


def batches(count: int, size: int = 3) -> list[list[bytes]]:
    return [[post(b * size + n) + b"\n" for n in range(size)] for b in range(count)]


def growing_file(folder: Path, data: bytes) -> Path:
    path = folder / (NAME + ".open")
    path.write_bytes(data)
    return path


@pytest.mark.slow
def test_every_possible_cut_is_cut_back_to_the_last_whole_batch(folder: Path) -> None:
    """CP2: each offset of a file of eight members."""
    lines = [[b'{"data":{"id":"%d"}}\n' % (batch * 9 + n) for n in range(9)] for batch in range(8)]
    packed = [member(batch) for batch in lines]
    ends = [sum(map(len, packed[: n + 1])) for n in range(8)]
    whole = b"".join(packed)
    for cut in range(len(whole) + 1):
        path = growing_file(folder, whole[:cut])
        good = [end for end in ends if end <= cut]
        cut_bytes = repair.cut_back(path)
        assert cut_bytes == cut - (good[-1] if good else 0)
        assert path.read_bytes() == whole[: cut - cut_bytes]
        tear = folder / (NAME + ".tear")
        assert (tear.read_bytes() if tear.exists() else b"") == whole[cut - cut_bytes : cut]
        tear.unlink(missing_ok=True)
    assert len(whole) > 400


def test_a_torn_file_is_sealed_and_reads_with_plain_zcat(folder: Path) -> None:
    lines = batches(4, 50)
    packed = [member(batch) for batch in lines]
    growing_file(folder, b"".join(packed)[:-10])
    told: list[tuple[Path, FileFacts]] = []
    (done,) = repair.adopt(folder, PREFIX, on_sealed=lambda path, facts: told.append((path, facts)))
    assert done.cut_bytes == len(packed[-1]) - 10
    assert zcat(folder / NAME) == b"".join(line for batch in lines[:3] for line in batch)
    assert told == [(folder / NAME, read_facts(folder / NAME))]
    assert sorted(path.name for path in folder.iterdir()) == [NAME, NAME + ".tear"]


def test_a_file_with_nothing_whole_in_it_goes_but_for_its_tear(folder: Path) -> None:
    growing_file(folder, member(batches(1)[0])[:-1])
    (done,) = repair.adopt(folder, PREFIX)
    assert (done.path, done.facts) == (None, None)
    assert [path.name for path in folder.iterdir()] == [NAME + ".tear"]


def test_an_empty_file_goes_without_a_trace(folder: Path) -> None:
    growing_file(folder, b"")
    repair.adopt(folder, PREFIX)
    assert list(folder.iterdir()) == []


def test_a_packing_that_was_cut_short_is_begun_again(folder: Path) -> None:
    packed = b"".join(member(batch) for batch in batches(30))
    path = growing_file(folder, packed)
    path.with_name(path.name + ".repack").write_bytes(packed[:99])
    repair.adopt(folder, PREFIX)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert len(ids_in([folder / NAME])) == 90


def test_files_of_other_streams_are_left_alone(folder: Path) -> None:
    others = [
        "twitterfilter-1-2026-11-22T12-00-00.000000-1Z.gz.open",
        "twitterfilter-120-2026-11-22T12-00-00.000000-1Z.gz.open",
        "streamsample-2026-11-22T12-00-00.000000-1Z.gz.open",
        "twitterfilter-12-notes.open",
    ]
    for name in others:
        (folder / name).write_bytes(b"torn")
    assert repair.adopt(folder, PREFIX) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted(others)


def test_the_file_being_written_is_left_alone(folder: Path) -> None:
    path = growing_file(folder, member(batches(1)[0]) + b"half of the next")
    assert repair.adopt(folder, PREFIX, growing=path) == []
    assert path.exists()


def test_what_cannot_be_repaired_now_does_not_stop_the_others(folder: Path) -> None:
    """CP13: a sealed file of that name is in the way; it is not written over."""
    first = growing_file(folder, member(batches(1)[0]))
    (folder / NAME).write_bytes(b"in the way")
    second = folder / NAME.replace("12-00-00", "13-00-00")
    second.with_name(second.name + ".open").write_bytes(member(batches(1)[0]))
    (done,) = repair.adopt(folder, PREFIX)
    assert done.path == second
    assert first.exists()
    assert (folder / NAME).read_bytes() == b"in the way"


def kill_and_check(drive: Drive, folder: Path, kills: int, seed: int) -> None:
    """Kill at random moments, start again at once; in the end count what is there."""
    dice = random.Random(seed)
    first, lost, acknowledged = 1, [], 0
    for _ in range(kills):
        driver = drive(first, 10**9, interval=dice.choice([0.05, 900]))
        until = time.monotonic() + 100
        while not driver.safe:
            assert time.monotonic() < until, driver.complaints
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05)
        driver.process.kill()
        assert driver.end() == -signal.SIGKILL
        acknowledged += driver.safe - first + 1
        first = driver.safe + 1000
        lost.append(driver.safe)
    last = drive(first, 1)
    assert last.end() == 0
    found = ids_in(sealed_files(folder))
    assert set(found.values()) == {1}
    present = sorted(found)
    assert not list(folder.glob("*.open"))
    start = 1
    for safe in lost:
        missing = set(range(start, safe + 1)) - found.keys()
        assert not missing, f"{len(missing)} posts said to be safe are gone"
        start = safe + 1000
    assert len(present) >= acknowledged


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_killed_at_any_moment_nothing_safe_is_lost_and_every_file_reads(
    drive: Drive, folder: Path
) -> None:
    """CP1: 20 kills daily, 200 in the long form; files are read with plain zcat."""
    kill_and_check(drive, folder, rounds(20, 200), seed=1)


@pytest.mark.slow
@pytest.mark.faults
def test_a_kill_loses_no_more_than_the_batch_in_hand(drive: Drive, folder: Path) -> None:
    """CP1: slow posts; what was taken before the kill but not safe is under a second's."""
    for turn in range(rounds(3, 20)):
        driver = drive(1 + turn * 1000, 1000, pause=0.005)
        while driver.safe < turn * 1000 + 60:
            time.sleep(0.01)
        driver.process.kill()
        driver.end()
        repair.adopt(folder, PREFIX)
        present = [number for number in ids_in(sealed_files(folder)) if number > turn * 1000]
        assert max(present) - driver.safe <= 50
        assert driver.safe <= max(present)


@pytest.mark.slow
@pytest.mark.faults
def test_asked_to_stop_it_loses_nothing_and_seals(drive: Drive, folder: Path) -> None:
    """CP3: the daily suite stops 5 times, the long form 50."""
    dice = random.Random(3)
    took = []
    for turn in range(rounds(5, 50)):
        start = 1 + turn * 10**6
        driver = drive(start, 10**6, pause=dice.choice([0, 0.001]))
        while not driver.safe:
            time.sleep(0.005)
        asked = time.monotonic()
        driver.process.terminate()
        assert driver.end() == 0
        took.append(time.monotonic() - asked)
        assert driver.said[-1] == "stopped"
        assert not list(folder.glob("*.open"))
    assert min(took) < 5
    assert max(took) < 10, "supervisord would have killed it"
    found = ids_in(sealed_files(folder))
    for turn in range(rounds(5, 50)):
        of_turn = sorted(n for n in found if 1 + turn * 10**6 <= n <= (turn + 1) * 10**6)
        assert of_turn == list(range(of_turn[0], of_turn[-1] + 1)), "a hole"


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    """CP10"""
    first = StreamLock(tmp_path, PREFIX)
    with pytest.raises(AnotherCollector) as refused:
        StreamLock(tmp_path, PREFIX)
    assert refused.value.pid == os.getpid() == lock.holder(tmp_path, PREFIX)
    first.release()
    assert lock.holder(tmp_path, PREFIX) is None
    assert StreamLock(tmp_path, PREFIX).epoch == first.epoch + 1


@pytest.mark.slow
def test_a_frozen_writer_still_holds_and_a_killed_one_does_not(drive: Drive, folder: Path) -> None:
    """CP10: by processes."""
    first = drive(1, 10**9, pause=0.01)
    while not first.said:
        time.sleep(0.01)
    first.process.send_signal(signal.SIGSTOP)
    second = drive(1, 10)
    assert second.end() == 1
    assert "AnotherCollector" in "\n".join(second.complaints)
    first.process.kill()
    first.end()
    third = drive(1, 10)
    assert third.end() == 0
    assert [line.split()[1] for line in (first.said[0], third.said[0])] == ["1", "2"]


@pytest.mark.slow
def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    """CP10: descriptors are closed where another program is started."""
    code = (
        "import subprocess, sys, pathlib\n"
        "from sfm.streams.lock import StreamLock\n"
        "lock = StreamLock(pathlib.Path(sys.argv[1]), 'twitterfilter-12')\n"
        "child = subprocess.Popen(['sleep', '30'], close_fds=False, stdout=-3, stderr=-3)\n"
        "print(child.pid, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    child = int(done.stdout)
    try:
        os.kill(child, 0)
        StreamLock(tmp_path, PREFIX).release()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_spoilt_lock_file_still_locks(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}.lock").write_bytes(b"\xff\x00 what?")
    assert StreamLock(tmp_path, PREFIX).epoch == 1


def test_another_streams_lock_is_another(tmp_path: Path) -> None:
    held = [StreamLock(tmp_path, "twitterfilter-1"), StreamLock(tmp_path, "twitterfilter-11")]
    assert [one.epoch for one in held] == [1, 1]
    shutil.rmtree(tmp_path)
