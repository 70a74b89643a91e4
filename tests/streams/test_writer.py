"""Batches, members, names, turns to a new file: what is on the disk, and when."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm import clock as sfm_clock
from sfm.streams import file_names
from sfm.streams import writer as writer_module
from sfm.streams.errors import StorageTrouble
from sfm.streams.gzip_members import member, whole_members
from sfm.streams.sealing import Damaged, FileFacts, read_facts
from sfm.streams.writer import StreamWriter
from tests.conftest import FrozenClock
from tests.streams.conftest import PREFIX, ids_in, sealed_files, zcat
from tests.streams.driver import post


def new_writer(folder: Path, interval: float = 900, epoch: int = 1) -> StreamWriter:
    return StreamWriter(folder, PREFIX, epoch, interval)


def fill(writer: StreamWriter, first: int, last: int) -> None:
    for number in range(first, last + 1):
        writer.add(post(number), number)


def members_of(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [part.text.count(b"\n") for part in whole_members(file)]


def test_fifty_lines_are_on_the_disk_at_once_as_one_member(folder: Path) -> None:
    writer = new_writer(folder)
    fill(writer, 1, 49)
    assert (writer.safe_lines, writer.path) == (0, None)
    fill(writer, 50, 50)
    assert writer.path is not None
    assert (writer.safe_lines, writer.in_hand) == (50, 0)
    assert members_of(writer.path) == [50]
    assert zcat(writer.path) == b"".join(post(number) + b"\n" for number in range(1, 51))


def test_fewer_lines_are_on_the_disk_after_a_second(folder: Path, clock: FrozenClock) -> None:
    writer = new_writer(folder)
    fill(writer, 1, 3)
    clock.advance(0.9)
    writer.tick()
    assert writer.safe_lines == 0
    clock.advance(0.1)
    writer.tick()
    assert writer.safe_lines == 3


def test_a_file_grows_under_open_and_is_sealed_after_its_interval(
    folder: Path, clock: FrozenClock
) -> None:
    writer = new_writer(folder, interval=60)
    fill(writer, 1, 50)
    assert [path.name for path in folder.iterdir()] == [
        "twitterfilter-12-2026-11-22T12-00-00.000000-1Z.gz.open"
    ]
    clock.advance(60)
    writer.tick()
    assert [path.name for path in folder.iterdir()] == [
        "twitterfilter-12-2026-11-22T12-00-00.000000-1Z.gz"
    ]
    fill(writer, 51, 100)
    writer.close()
    assert ids_in(sealed_files(folder)) == dict.fromkeys(range(1, 101), 1)
    assert len(sealed_files(folder)) == 2


def test_no_lines_make_no_file(folder: Path, clock: FrozenClock) -> None:
    writer = new_writer(folder, interval=1)
    clock.advance(5)
    writer.tick()
    writer.close()
    assert list(folder.iterdir()) == []


def test_a_file_that_holds_all_it_may_is_sealed_before_its_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "FILE_LINES", 100)
    writer = new_writer(folder)
    fill(writer, 1, 250)
    writer.close()
    assert [sum(members_of(path)) for path in sealed_files(folder)] == [100, 100, 50]


def test_a_post_is_once_in_a_file_and_counted_when_it_comes_again(folder: Path) -> None:
    told: list[FileFacts] = []
    writer = StreamWriter(folder, PREFIX, 1, 900, lambda path, facts: told.append(facts))
    fill(writer, 1, 120)
    order = list(range(1, 121))
    random.Random(1).shuffle(order)
    assert [writer.add(post(number), number) for number in order] == [False] * 120
    writer.seal()
    writer.add(post(7), 7)
    writer.close()
    assert [(facts.lines, facts.duplicates) for facts in told] == [(100, 120), (21, 0)]
    assert set(ids_in(sealed_files(folder)[:1]).values()) == {1}


def test_lines_without_an_id_are_all_kept(folder: Path) -> None:
    writer = new_writer(folder)
    for _ in range(3):
        writer.add(b'{"warning":{"code":"FALLING_BEHIND"}}')
    writer.close()
    assert zcat(sealed_files(folder)[0]) == b'{"warning":{"code":"FALLING_BEHIND"}}\n' * 3


STRANGE = "Zoë 👩‍👩‍👧 \u2028 \u2029 \u0085 \x0b \x0c \x1c zero\u200bwidth"


def test_bytes_come_out_as_they_went_in(folder: Path) -> None:
    """ST7, ST21: separators that are no line feed stay in their line."""
    line = f'{{"data":{{"id":"9","text":"{STRANGE}"}}}}'.encode()
    writer = new_writer(folder)
    writer.add(line, 9)
    writer.add(b'{"a":"\r inside"}')
    writer.close()
    assert zcat(sealed_files(folder)[0]) == line + b"\n" + b'{"a":"\r inside"}\n'
    assert read_facts(sealed_files(folder)[0]).lines == 2


def test_the_manifest_is_told_what_is_true_of_the_sealed_file(folder: Path) -> None:
    told: list[tuple[Path, FileFacts]] = []
    writer = StreamWriter(folder, PREFIX, 3, 900, lambda path, facts: told.append((path, facts)))
    fill(writer, 1001, 1130)
    writer.close()
    ((path, facts),) = told
    assert facts == read_facts(path)
    assert (facts.lines, facts.first_id, facts.last_id, facts.members) == (130, 1001, 1130, 3)
    assert facts.size_bytes == path.stat().st_size


def test_files_are_for_their_owner_only(folder: Path) -> None:
    """S36, whatever the umask."""
    before = os.umask(0)
    try:
        writer = new_writer(folder)
        fill(writer, 1, 60)
        writer.close()
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_slow_streams_file_is_packed_anew_and_says_the_same(
    folder: Path, clock: FrozenClock
) -> None:
    told: list[FileFacts] = []
    writer = StreamWriter(folder, PREFIX, 1, 900, lambda path, facts: told.append(facts))
    for number in range(1, 1301):
        writer.add(post(number), number)
        clock.advance(1)
        writer.flush()
    assert writer.path is not None
    small, text = writer.path.stat().st_size, zcat(writer.path)
    writer.close()
    (path,) = sealed_files(folder)
    assert zcat(path) == text
    assert members_of(path) == [1000, 300]
    assert path.stat().st_size < 0.9 * small
    assert told == [read_facts(path)]
    assert len(list(folder.iterdir())) == 1


def test_a_full_batch_stream_is_not_packed_anew(folder: Path) -> None:
    writer = new_writer(folder)
    fill(writer, 1, 500)
    writer.close()
    assert members_of(sealed_files(folder)[0]) == [50] * 10


def test_names_never_go_back_nor_repeat_when_the_clock_is_set(
    folder: Path, clock: FrozenClock
) -> None:
    """CP8: an hour and a day back and forth; turns are by the clock that nobody sets."""
    writer = new_writer(folder, interval=60)
    made: list[str] = []
    for step in (0, -3600, 3600, -86400, 0, 86400, -1):
        clock.moment += timedelta(seconds=step)
        fill(writer, 1, 50)
        assert writer.path is not None
        made.append(writer.path.name)
        clock.elapsed += 59
        writer.tick()
        assert writer.path is not None, "no turn before its time, whatever the clock says"
        clock.elapsed += 1
        writer.tick()
        assert writer.path is None
    assert made == sorted(set(made))


def test_a_restart_after_the_clock_was_set_back_still_goes_forward(
    folder: Path, clock: FrozenClock
) -> None:
    first = new_writer(folder)
    fill(first, 1, 50)
    first.close()
    clock.moment -= timedelta(days=1)
    second = new_writer(folder, epoch=2)
    fill(second, 1, 50)
    second.close()
    earlier, later = (file_names.parse(path.name) for path in sealed_files(folder))
    assert earlier is not None
    assert later is not None
    assert later.epoch == 2
    assert later.begun_at > earlier.begun_at


def test_twenty_restarts_within_one_instant_make_twenty_files(
    folder: Path, clock: FrozenClock
) -> None:
    """CP11: time stands still, the files do not meet."""
    for epoch in range(1, 21):
        writer = new_writer(folder, epoch=epoch)
        fill(writer, epoch * 100, epoch * 100 + 9)
        writer.close()
    assert len(sealed_files(folder)) == 20
    assert len(ids_in(sealed_files(folder))) == 200


def test_a_name_that_is_taken_is_never_written_over(folder: Path, clock: FrozenClock) -> None:
    writer = new_writer(folder)
    taken = folder / (file_names.file_name(PREFIX, sfm_clock.now(), 1) + file_names.OPEN)
    taken.write_bytes(b"somebody else's")
    with pytest.raises(StorageTrouble):
        fill(writer, 1, 50)
    assert taken.read_bytes() == b"somebody else's"
    assert writer.in_hand == 50


def test_a_sealed_name_that_is_taken_is_never_written_over(
    folder: Path, clock: FrozenClock
) -> None:
    writer = new_writer(folder)
    fill(writer, 1, 50)
    taken = folder / file_names.file_name(PREFIX, sfm_clock.now(), 1)
    taken.write_bytes(b"somebody else's")
    writer.close()
    assert taken.read_bytes() == b"somebody else's"
    assert ids_in(list(folder.glob("*.open"))) == dict.fromkeys(range(1, 51), 1)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, 999999, UTC), "2026-12-31T23-59-59.999999"),
        (datetime(2028, 2, 29, 0, 0, tzinfo=UTC), "2028-02-29T00-00-00.000000"),
        (datetime.fromisoformat("2027-03-28T02:30:00+02:00"), "2027-03-28T00-30-00.000000"),
    ],
)
def test_names_say_utc(moment: datetime, text: str) -> None:
    """CP9"""
    name = file_names.file_name("streamsample", moment, 4)
    assert name == f"streamsample-{text}-4Z.gz"
    found = file_names.parse(name)
    assert found is not None
    assert (found.begun_at, found.epoch, found.filter_id) == (moment, 4, None)


def test_the_originals_names_are_read_and_others_are_not() -> None:
    old = file_names.parse("twitterfilter-3-2014-05-06T07-08-09Z.gz")
    assert old is not None
    assert (old.filter_id, old.begun_at) == (3, datetime(2014, 5, 6, 7, 8, 9, tzinfo=UTC))
    for other in (
        "twitterfilter-3-2014-05-06T07-08-09Z.gz.tear", "x.gz", "", "notes.txt",
        "twitterfilter-3-2014-13-06T07-08-09Z.gz", "twitterfilter-a-2014-05-06T07-08-09Z.gz",
        "../twitterfilter-3-2014-05-06T07-08-09Z.gz",
    ):  # fmt: skip
        assert file_names.parse(other) is None


@given(
    st.integers(1, 2**63 - 1),
    st.datetimes(datetime(2006, 1, 1), datetime(2100, 1, 1)),
    st.integers(0, 10**12 - 1),
)
def test_every_name_says_what_it_was_made_of(number: int, moment: datetime, epoch: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    found = file_names.parse(
        file_names.file_name(file_names.filter_prefix(number), aware, epoch) + file_names.OPEN
    )
    assert found == file_names.FileName(f"twitterfilter-{number}", aware, epoch)


def test_a_reader_of_a_growing_file_sees_whole_batches_only(folder: Path) -> None:
    """CP15"""
    writer = new_writer(folder)
    fill(writer, 1, 50)
    path = writer.path
    assert path is not None
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            lines = sum(members_of(path))
            assert lines % 50 == 0
            seen.append(lines)

    reader = threading.Thread(target=read)
    reader.start()
    fill(writer, 51, 5000)
    done.set()
    reader.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


def test_bit_rot_is_seen_wherever_it_changes_what_is_said(folder: Path, tmp_path: Path) -> None:
    """CP16: 400 flipped bits."""
    writer = new_writer(folder)
    fill(writer, 1, 200)
    writer.close()
    (path,) = sealed_files(folder)
    whole, text, facts = path.read_bytes(), zcat(path), read_facts(path)
    dice = random.Random(16)
    caught = 0
    for _ in range(400):
        spoilt = bytearray(whole)
        spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
        rotten = tmp_path / "rotten.gz"
        rotten.write_bytes(spoilt)
        try:
            assert read_facts(rotten).sha256 != facts.sha256
            assert gzip.decompress(bytes(spoilt)) == text
        except Damaged:
            caught += 1
    assert caught > 300


def test_the_facts_of_an_original_file_of_one_member_are_read(folder: Path) -> None:
    old = folder / "twitterfilter-3-2014-05-06T07-08-09Z.gz"
    lines = [b'{"id":%d,"id_str":"%d","text":"x"}\n' % (n, n) for n in range(500, 800)]
    old.write_bytes(gzip.compress(b"".join(lines)))
    facts = read_facts(old)
    assert (facts.lines, facts.members, facts.first_id, facts.last_id) == (300, 1, 500, 799)


def test_a_missing_folder_is_a_state_and_writing_goes_on_when_it_is_back(folder: Path) -> None:
    """CP13"""
    shutil.rmtree(folder)
    writer = new_writer(folder)
    with pytest.raises(StorageTrouble) as raised:
        fill(writer, 1, 50)
    assert (raised.value.kind, writer.in_hand) == ("missing", 50)
    folder.mkdir()
    writer.flush()
    assert writer.safe_lines == 50


def test_a_member_is_plain_gzip() -> None:
    assert gzip.decompress(member([b"one\n", b"two\n"])) == b"one\ntwo\n"
