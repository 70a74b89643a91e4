"""What counts as a start for supervisord, and which ends are final."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.paths import PROJECT, Paths
from sfm.supervisord.process import ProcessState
from tests.supervisord.conftest import Daemon
from tests.waiting import wait_for

ENDS = """
import sys
from sfm import clock
from sfm.supervisord.final_exit import wait_for_final_exit
wait_for_final_exit(int(sys.argv[1]), clock.monotonic(), start_seconds=1)
sys.exit(int(sys.argv[1]))
"""


def program(name: str, code: int, script: Path, start_seconds: int) -> str:
    return (
        f"[program:{name}]\ncommand={sys.executable} {script} {code}\ndirectory={PROJECT}\n"
        f'environment=PYTHONPATH="{PROJECT}"\nstartsecs={start_seconds}\n'
        "startretries=0\nautorestart=unexpected\nexitcodes=0,2,3,4,5\n"
    )


@pytest.mark.slow
def test_a_start_that_needs_a_person_is_final_and_a_crash_is_no_start(place: Paths) -> None:
    """S-6, S-7: supervisord itself takes every early end for a failed start."""
    script = place.instance / "ends.py"
    script.write_text(ENDS)
    daemon = Daemon(place)
    daemon.start(program("wrong", 3, script, 1), program("crash", 1, script, 3600))
    try:
        client = SupervisordClient(place)

        def ends() -> dict[str, tuple[ProcessState, int]]:
            return {p.name: (p.state, p.exit_code) for p in client.view().processes}

        wait_for(lambda: all(state.is_down for state, _ in ends().values()))
        assert ends()["wrong"] == (ProcessState.EXITED, 3)
        assert ends()["crash"][0] is ProcessState.FATAL
    finally:
        daemon.stop()
