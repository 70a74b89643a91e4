"""Shapes are learnt by several threads at once: the first pages of a run come side by side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

EIGHT_AT_ONCE = """
import inspect, sys, threading
import msgspec
from sfm.twitter.parse import lenient, payload_types

sys.setswitchinterval(1e-6)
classes = [shape for _, shape in inspect.getmembers(payload_types, inspect.isclass)]
known = [shape for shape in classes if issubclass(shape, msgspec.Struct)]
page = (b'{"id":"1","text":"x","user":{"id_str":"1"},"entities":{},'
        b'"data":[{"id":"1","entities":{"urls":[{"url":"x"}]}}],'
        b'"includes":{"users":[{"id":"1","public_metrics":{"followers_count":1}}]}}')
gate = threading.Barrier(8)
def read(first):
    gate.wait()
    for shape in known[first:] + known[:first]:
        try:
            lenient.decode(page, shape)
        except lenient.Unreadable:
            pass
threads = [threading.Thread(target=read, args=(n * 3 % len(known),)) for n in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(known))
"""


@pytest.mark.slow
def test_shapes_learnt_side_by_side_crash_nothing() -> None:
    """Without turns, about nine of ten such processes ended with a segmentation fault."""
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", EIGHT_AT_ONCE],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 10
