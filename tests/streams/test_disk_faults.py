"""Full disks, failing calls, short files: what is on the disk stays whole, nothing safe is lost.

Calls are made to fail by strace in a process of its own, without a change to the code.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfm.streams import repair
from sfm.streams.errors import StorageTrouble
from sfm.streams.writer import StreamWriter
from tests.rounds import rounds
from tests.streams.conftest import PREFIX, Driver, ids_in, sealed_files, zcat
from tests.streams.driver import post
from tests.waiting import wait_for

Drive = Callable[..., Driver]
pytestmark = [pytest.mark.faults]

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: faults cannot be injected"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    mount = tmp_path / "small" / "data"
    mount.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here (root is needed)")
    yield mount
    subprocess.run(["umount", mount], check=True)


def fill(writer: StreamWriter, first: int, last: int) -> None:
    for number in range(first, last + 1):
        writer.add(post(number), number)


def take_all_room(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


def test_a_full_disk_is_a_state_and_all_is_written_when_there_is_room(small_disk: Path) -> None:
    """CP4"""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 150_000)
    writer = StreamWriter(small_disk, PREFIX, 1, 900)
    with pytest.raises(StorageTrouble) as raised:
        fill(writer, 1, 100_000)
    number = writer.safe_lines + writer.in_hand
    assert raised.value.kind == "disk_full"
    with pytest.raises(StorageTrouble):
        writer.flush()
    assert writer.path is not None
    assert set(ids_in([writer.path])) == set(range(1, writer.safe_lines + 1))
    ballast.unlink()
    writer.flush()
    assert writer.safe_lines == number
    writer.close()
    assert ids_in(sealed_files(small_disk)) == dict.fromkeys(range(1, number + 1), 1)


def test_a_full_disk_at_the_turn_of_a_file_loses_nothing(small_disk: Path) -> None:
    """CP4: there is no room to begin the next file, nor to pack the last one anew."""
    writer = StreamWriter(small_disk, PREFIX, 1, 900)
    for number in range(1, 21):
        writer.add(post(number), number)
        writer.flush()
    ballast = small_disk / "ballast"
    take_all_room(ballast)
    writer.seal()
    with pytest.raises(StorageTrouble):
        fill(writer, 21, 70)
    ballast.unlink()
    writer.close()
    kept = [*sealed_files(small_disk), *small_disk.glob("*.open")]
    assert ids_in(kept) == dict.fromkeys(range(1, 71), 1)


@pytest.mark.slow
def test_a_process_on_a_full_disk_goes_on_by_itself(small_disk: Path, drive: Drive) -> None:
    """CP4: within 60 seconds of there being room; here at once."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    driver = drive(1, 10**9, where=small_disk)
    wait_for(lambda: "trouble disk_full" in driver.said)
    stuck_at = driver.safe
    ballast.unlink()
    wait_for(lambda: driver.safe > stuck_at)
    driver.process.kill()
    driver.end()
    assert set(range(1, stuck_at + 1)) <= set(ids_in(sealed_files(small_disk))) | set(
        ids_in(list(small_disk.glob("*.open")))
    )


def injected(drive: Drive, folder: Path, what: str, count: int) -> tuple[Driver, str]:
    """A driver under strace with one kind of call on the stream's files made to fail; the log."""
    log = folder.parent / "strace.log"
    call = what.partition(":")[0]
    before: list[object] = [
        "strace",
        "-f",
        "-o",
        log,
        "-e",
        f"trace={call}",
        "-e",
        f"inject={what}",
    ]
    for number in range(9):
        name = f"{PREFIX}-2026-11-22T12-00-00.{number:06d}-1Z.gz"
        before += ["-P", folder / name, "-P", folder / f"{name}.open"]
    driver = drive(1, count, before=before, standing="standing")
    code = driver.end(120)
    return driver, log.read_text() + f"\nexit {code}\n"


def check_nothing_safe_is_lost(folder: Path, driver: Driver) -> None:
    """After the next start every file reads with zcat and holds all that was said to be safe."""
    repair.adopt(folder, PREFIX)
    assert not list(folder.glob("*.open"))
    found = ids_in(sealed_files(folder))
    assert set(range(1, driver.safe + 1)) <= set(found)


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("nth", [*range(1, rounds(3, 20) + 1)])
def test_a_sync_that_fails_means_a_new_file_and_the_batch_again(
    drive: Drive, folder: Path, nth: int
) -> None:
    """CP5: the same descriptor is not trusted again."""
    driver, log = injected(drive, folder, f"fsync:error=EIO:when={nth}", 1200)
    assert len(re.findall("INJECTED", log)) == 1
    assert "exit 0" in log
    assert driver.said[-1] == "stopped"
    failed = re.search(r"fsync\((\d+)\).*INJECTED", log)
    assert failed is not None
    check_nothing_safe_is_lost(folder, driver)
    assert set(ids_in(sealed_files(folder))) == set(range(1, 1201))


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("times", ["2..3", "1..4"])
def test_a_sync_that_fails_in_the_new_file_too_means_another_one(
    drive: Drive, folder: Path, times: str
) -> None:
    """CP5: a disk that has trouble has it more than once; a manifest row says what a file holds."""
    driver, log = injected(drive, folder, f"fsync:error=EIO:when={times}", 1200)
    first, last = map(int, times.split(".."))
    assert len(re.findall("INJECTED", log)) == last - first + 1
    assert "trouble broken" in driver.said
    assert driver.said[-1] == "stopped"
    for line in [line.split() for line in driver.said if line.startswith("sealed ")]:
        assert zcat(folder / line[1]).count(b"\n") == int(line[2])
    check_nothing_safe_is_lost(folder, driver)
    assert set(ids_in(sealed_files(folder))) == set(range(1, 1201))


CALLS = [
    "write:error=ENOSPC", "write:error=EIO", "write:error=EDQUOT", "openat:error=EMFILE",
    "openat:error=EACCES", "rename:error=EIO", "fsync:error=ENOSPC", "close:error=EIO",
]  # fmt: skip


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_any_call_may_fail_once(drive: Drive, folder: Path, call: str) -> None:
    """CP6: the Nth call of each kind on the files of the stream."""
    fired = 0
    for nth in range(1, rounds(2, 15) + 1):
        shutil.rmtree(folder.parent / "run", ignore_errors=True)  # begins again with epoch 1
        shutil.rmtree(folder)
        folder.mkdir()
        driver, log = injected(drive, folder, f"{call}:when={nth}", 400)
        fired += "INJECTED" in log
        assert driver.safe == 400, driver.complaints
        check_nothing_safe_is_lost(folder, driver)
    assert fired, "no fault was made"


@needs_strace
@pytest.mark.slow
def test_a_half_written_batch_that_cannot_be_cut_off_is_not_written_behind(
    drive: Drive, folder: Path
) -> None:
    """CP6: the write fails, and so does cutting back; the batch goes to a new file."""
    before: list[object] = ["strace", "-f", "-o", folder.parent / "strace.log"]
    before += ["-e", "inject=ftruncate:error=EIO"]
    for number in range(3):
        before += ["-P", folder / f"{PREFIX}-2026-11-22T12-00-00.{number:06d}-1Z.gz.open"]
    limited = ["prlimit", "--fsize=60000", *before]
    driver = drive(1, 1000, before=limited, standing="standing")
    assert driver.end() == 0, driver.complaints
    assert "INJECTED" in (folder.parent / "strace.log").read_text()
    check_nothing_safe_is_lost(folder, driver)
    assert set(ids_in(sealed_files(folder))) == set(range(1, 1001))
    assert list(folder.glob("*.tear")), "no write was cut short"


def test_a_file_that_may_grow_no_more_is_ended_and_a_new_one_begun(folder: Path) -> None:
    """CP6: EFBIG, by the limit of the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        writer = StreamWriter(folder, PREFIX, 1, 900)
        for number in range(1, 1001):
            writer.add(post(number), number)
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = [*sealed_files(folder), *folder.glob("*.open")]
    assert len(kept) > 1
    assert max(path.stat().st_size for path in kept) <= 40_000
    assert ids_in(kept) == dict.fromkeys(range(1, 1001), 1)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_a_state(folder: Path) -> None:
    """CP13"""
    folder.chmod(0o500)
    writer = StreamWriter(folder, PREFIX, 1, 900)
    with pytest.raises(StorageTrouble) as raised:
        fill(writer, 1, 50)
    assert raised.value.kind == "not_allowed"


@pytest.mark.slow
def test_a_disk_that_can_only_be_read_is_a_state(small_disk: Path) -> None:
    """CP13, for root too."""
    writer = StreamWriter(small_disk, PREFIX, 1, 900)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageTrouble) as raised:
        fill(writer, 1, 50)
    assert (raised.value.kind, writer.in_hand) == ("not_allowed", 50)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    writer.close()
    assert len(ids_in(sealed_files(small_disk))) == 50


@needs_strace
@pytest.mark.slow
def test_data_is_synced_before_the_name_and_the_name_before_it_is_told(
    drive: Drive, folder: Path
) -> None:
    """CP7: the order of the system calls is what a loss of power sees."""
    log = folder.parent / "order.log"
    trace = "trace=openat,write,fsync,rename,renameat,renameat2"
    driver = drive(1, 130, before=["strace", "-f", "-y", "-s", "60", "-o", log, "-e", trace])
    assert driver.end() == 0
    steps = [step for line in log.read_text().splitlines() if (step := step_of(line, folder))]
    assert steps == [
        "begin", "sync folder", *["write", "sync"] * 3, "name", "sync folder", "tell",
    ]  # fmt: skip


def step_of(line: str, folder: Path) -> str:
    kinds = {
        rf'openat\(.*{folder}/[^"]*\.open", O_WRONLY\|O_CREAT\|O_EXCL\|O_APPEND': "begin",
        rf"write\(\d+<{folder}/[^>]*\.open>": "write",
        rf"fsync\(\d+<{folder}/[^>]*\.open>\)": "sync",
        rf"fsync\(\d+<{folder}>\)": "sync folder",
        rf"rename.*{folder}": "name",
        r'write\(1.*"sealed ': "tell",
    }
    return next((step for pattern, step in kinds.items() if re.search(pattern, line)), "")


@pytest.mark.slow
def test_at_the_turn_of_the_year_each_post_is_in_one_file(drive: Drive, folder: Path) -> None:
    """CP9: a thousand posts across 2026-12-31T23:59:59Z, and the turn of a file in between."""
    driver = drive(1, 1000, interval=1, pause=0.003, standing="new-year")
    assert driver.end() == 0, driver.complaints
    names = [path.name for path in sealed_files(folder)]
    assert names[0].startswith("twitterfilter-12-2026-12-31T23-59-5")
    assert names[-1].startswith("twitterfilter-12-2027-01-01T00-00-0")
    assert ids_in(sealed_files(folder)) == dict.fromkeys(range(1, 1001), 1)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["-1h", "+1h", "-1d", "+1d"])
def test_a_process_whose_clock_was_set_makes_names_that_go_on(
    drive: Drive, folder: Path, step: str
) -> None:
    """CP8, with a clock that another program sets."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    first = drive(1, 100)
    assert first.end() == 0
    second = drive(101, 100, before=["faketime", "-f", step])
    assert second.end() == 0, second.complaints
    third = drive(201, 100)
    assert third.end() == 0
    names = [
        line.split()[1] for d in (first, second, third) for line in d.said if line[:6] == "sealed"
    ]
    assert names == sorted(set(names))
    assert len(ids_in(sealed_files(folder))) == 300
