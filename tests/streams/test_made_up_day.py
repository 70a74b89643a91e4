"""A made-up day: whatever happens to two filters, each post is in their files or in a gap, and no
gap is longer than what is missing."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sfm import clock
from sfm.config import Settings
from sfm.extensions import settings as app_settings
from sfm.sandbox.server import Sandbox
from tests.conftest import sandbox_settings
from tests.rounds import LONG, rounds
from tests.streams.made_up_day import (
    LIBFAKETIME,
    Day,
    Trouble,
    gaps_longer_than_the_truth,
    missing_without_a_gap,
    report,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(1200),
    pytest.mark.parametrize(
        "database_kind", ["sqlite", "postgresql"] if LONG else ["sqlite"], indirect=True
    ),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(keep_alive=0.5) as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox, share_stream_connections=True)


@pytest.fixture
def folder(app: Flask) -> Iterator[tuple[Path, bool]]:
    """The data folder, and whether it is a small disk of its own (as root)."""
    folder = app_settings().data_folder
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder]
    is_small = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder, is_small
    if is_small:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("seed", range(rounds(1, 20)))
def test_each_post_is_in_a_file_or_in_a_gap_no_longer_than_the_truth(
    app: Flask, sandbox: Sandbox, folder: tuple[Path, bool], tmp_path: Path, seed: int
) -> None:
    clock_file = tmp_path / "clock"
    clock_file.write_text("+0")
    day = Day(app, sandbox, folder[0], clock_file)
    before = clock.use(day.set_clock)
    try:
        troubles: list[Trouble] = [
            day.kill, day.stop, day.freeze, day.hold_and_release, day.deactivate_and_activate,
            day.edit, day.lose_the_connection, day.outage, day.edit,
            *([day.delete_rules] if LONG else []),
            *([day.fill_the_disk] if folder[1] else []),
            *([day.set_the_clock, day.set_the_clock] if LIBFAKETIME else []),
        ]  # fmt: skip
        for trouble in random.Random(seed).sample(troubles, len(troubles)):
            day.log.append((clock.now(), trouble.__name__))
            trouble()
            day.done[trouble.__name__] += 1
        day.end()
        assert sum(day.done.values()) == len(troubles)
        for number in (1, 2):
            assert day.saved_ids(number) <= day.due_ids_ever(number)
            assert missing_without_a_gap(day, number) == [], report(day, number)
            assert gaps_longer_than_the_truth(day, number) == [], report(day, number)
    finally:
        day.posts.stop()
        day.process.kill()
        clock.use(before)
