"""The sandbox as a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "sfm.sandbox"]


@pytest.mark.slow
def test_process_prints_its_address_answers_and_ends_on_sigterm() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--accounts", "5", "--no-limits"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(r"Sandbox on (http://127\.0\.0\.1:\d+)\n", line)
        assert found
        health = requests.get(f"{found[1]}/sandbox/health", timeout=5).json()
        assert (health["status"], health["accounts"]) == ("ok", 5)
        headers = {"Authorization": "Bearer sandbox-bearer"}
        answer = requests.get(
            f"{found[1]}/2/users/by?usernames=millbrook_lib", headers=headers, timeout=5
        )
        assert answer.json()["data"][0]["name"] == "Millbrook Public Library"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_taken_port_is_a_sentence_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_needs_no_server_code() -> None:
    code = (
        "import sys; from sfm.sandbox import command; "
        "print([name for name in sys.modules if name.startswith('sfm.sandbox.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sfm.sandbox.defaults', 'sfm.sandbox.command']"
