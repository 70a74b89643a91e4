"""supervisord absent, locked, stuck, gone for a moment, killed, or unable to read its files."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sfm.supervisord import rpc
from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.conf import Program
from sfm.supervisord.last_trouble import kept_trouble
from sfm.supervisord.paths import Paths
from sfm.supervisord.process import ProcessState
from tests.supervisord.conftest import Daemon, is_alive
from tests.waiting import wait_for

ONE = Program((1,))


def test_an_absent_supervisord_is_an_answer_and_the_files_are_ready_for_its_return(
    client: SupervisordClient, place: Paths
) -> None:
    """SV1"""
    taken = []
    for _ in range(3):  # the best of three: what else the machine does is not the client's doing
        before = time.monotonic()
        assert client.view().manager.state == "absent"
        assert client.reconcile([ONE]).manager.state == "absent"
        taken.append(time.monotonic() - before)
    assert min(taken) < 2
    assert (place.conf / "twitterfilter-1.conf").is_file()


def test_what_was_wanted_while_it_was_away_runs_at_its_return(
    client: SupervisordClient, place: Paths
) -> None:
    daemon = Daemon(place)
    daemon.start()
    client.reconcile([ONE])
    wait_for(daemon.living)
    daemon.stop()
    client.reconcile([Program((2,))])
    daemon.start()
    try:
        wait_for(lambda: [arguments[-2] for _, arguments in daemon.diary("started")] == ["1", "2"])
        assert not client.reconcile([Program((2,))]).any, "it starts no second one"
    finally:
        daemon.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_socket_that_is_not_ours_to_open_is_an_answer(place: Paths, daemon: Daemon) -> None:
    """SV2, S33: another user of this machine cannot even speak to it."""
    place.instance.chmod(0o711)
    place.run.chmod(0o711)  # so that only the socket itself stands in the way
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(writing, SupervisordClient(place).view().manager.state.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"refused"
    assert SupervisordClient(place).view().manager.is_running


def test_our_own_supervisord_listens_for_its_owner_only(place: Paths, daemon: Daemon) -> None:
    """S33"""
    assert place.socket.stat().st_mode & 0o777 == 0o700
    assert place.run.stat().st_mode & 0o777 == 0o700
    assert place.conf.stat().st_mode & 0o777 == 0o700
    assert daemon.process is not None
    listening = Path(f"/proc/{daemon.process.pid}/net/tcp").read_text()
    inodes = set()
    for fd in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # supervisord may close a file while we look
            inodes.add(os.readlink(fd))
    assert inodes
    assert not [
        line for line in listening.splitlines()[1:] if f"socket:[{line.split()[9]}]" in inodes
    ]


@contextmanager
def listener(path: Path, answer: Callable[[socket.socket, int], None]) -> Iterator[list[int]]:
    """A unix socket in supervisord's place; `answer` gets each connection and its number."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(8)
    seen: list[int] = []
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            seen.append(len(seen))
            held.append(connection)
            answer(connection, seen[-1])

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield seen
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for connection in held:
            connection.close()


@pytest.mark.slow
def test_a_supervisord_that_never_answers_does_not_hold_us_up(place: Paths) -> None:
    """SV3: the stock transport waits for ever."""
    with listener(place.socket, lambda connection, number: None) as seen:
        before = time.monotonic()
        assert SupervisordClient(place, patience_seconds=1).view().manager.state == "stuck"
        assert 0.9 < time.monotonic() - before < 30
        assert len(seen) == 1, "a stuck one is not asked twice"


def read_call(connection: socket.socket) -> None:
    read = b""
    while b"</methodCall>" not in read:
        read += connection.recv(65536)


def hang_up_once(connection: socket.socket, number: int) -> None:
    if number == 0:
        connection.close()
        return
    read_call(connection)
    body = (
        b"<?xml version='1.0'?><methodResponse><params><param><value><array><data>"
        b"</data></array></value></param></params></methodResponse>"
    )
    head = f"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    connection.close()


def test_a_reading_call_is_made_again_when_the_line_was_cut(place: Paths) -> None:
    """SV4"""
    with listener(place.socket, hang_up_once) as seen:
        assert SupervisordClient(place).view().manager.is_running
        assert len(seen) == 2


def test_a_changing_call_is_made_once(place: Paths) -> None:
    with listener(place.socket, hang_up_once) as seen:
        with pytest.raises(rpc.NoAnswer):
            rpc.call(place.socket, "startProcess", "twitterfilter-1")
        assert len(seen) == 1


def say_hello(connection: socket.socket, number: int) -> None:
    read_call(connection)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Hello</body>")
    connection.close()


def test_something_else_at_the_socket_is_an_answer(place: Paths) -> None:
    with listener(place.socket, say_hello):
        assert SupervisordClient(place).view().manager.state == "garbled"


def test_a_restart_between_two_calls_is_not_noticed(
    client: SupervisordClient, daemon: Daemon, place: Paths
) -> None:
    """SV4"""
    client.reconcile([ONE])
    daemon.stop()
    daemon.start()
    assert client.view().manager.is_running
    assert not client.reconcile([ONE]).any


def test_after_a_kill_the_new_supervisord_is_found_and_asked(
    client: SupervisordClient, daemon: Daemon, state_of: Callable[[str], ProcessState | None]
) -> None:
    """SV5. That no second collector writes is shown with real collectors in tests/streams."""
    client.reconcile([ONE])
    wait_for(lambda: len(daemon.living()) == 1)
    daemon.kill()
    assert client.view().manager.state == "absent", "the socket's file is still there"
    daemon.start()
    assert client.view().manager.is_running
    assert state_of("twitterfilter-1") in {ProcessState.STARTING, ProcessState.RUNNING}


def test_a_foreign_file_that_blocks_every_reload_is_named_and_stops_still_work(
    client: SupervisordClient, place: Paths, daemon: Daemon
) -> None:
    """SV9: supervisord reads all files or none. Ours are whole; a foreign one need not be."""
    client.reconcile([ONE])
    wait_for(daemon.living)
    (pid,) = daemon.living()
    broken = place.conf / "by-hand.conf"
    broken.write_text("[program:by-hand]\ncomma")
    with pytest.raises(rpc.SupervisordFault) as fault:
        rpc.call(place.socket, "reloadConfig")
    assert fault.value.code == rpc.CANT_REREAD
    changes = client.reconcile([])
    assert changes.manager.state == "broken"
    assert f"{broken}, line 2. " in changes.manager.message
    assert "no collector starts that is new" in changes.manager.message
    assert "comma" not in changes.manager.message, "what the file says is for administrators"
    assert client.view().manager == changes.manager, "supervisord answers all the while"
    assert changes.stopped == ["twitterfilter-1"]
    assert not is_alive(pid)
    broken.write_bytes(b"\xff\xfe")
    assert str(broken) in client.reconcile([]).manager.message, "supervisord does not name it"
    broken.unlink()
    assert client.reconcile([ONE]).started == ["twitterfilter-1"]
    assert client.view().manager.is_running


def test_a_configuration_that_cannot_be_written_is_an_answer(
    client: SupervisordClient, place: Paths, daemon: Daemon
) -> None:
    place.conf.rmdir()
    place.conf.write_text("a file where the folder should be")
    changes = client.reconcile([ONE])
    assert changes.manager.state == "broken"
    assert str(place.conf) in changes.manager.message


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_folder_that_is_not_ours_to_write_is_named_with_its_owner_and_our_user(
    place: Paths, client: SupervisordClient
) -> None:
    """S-9"""
    place.conf.chmod(0o755)
    for folder in (place.instance, place.run):
        os.chown(folder, 65534, -1)
    os.seteuid(65534)
    try:
        message = client.reconcile([ONE]).manager.message
        kept = kept_trouble(place)
    finally:
        os.seteuid(0)
    for part in (str(place.conf), "root", "drwxr-xr-x", "nobody", "Permission denied"):
        assert part in message
    assert kept is not None
    assert kept.message == message, "the board does not write, and shows it all the same"
    assert client.reconcile([ONE]).manager.state == "absent"


def test_a_deactivated_program_is_stopped_where_nothing_can_be_written(
    client: SupervisordClient, place: Paths, daemon: Daemon
) -> None:
    client.reconcile([ONE])
    wait_for(daemon.living)
    refused = SupervisordClient(replace(place, owner="nobody"))
    changes = refused.reconcile([])
    assert (changes.manager.state, changes.stopped) == ("broken", [ONE.name])
    assert not daemon.living()


def test_a_stuck_supervisord_costs_one_client_its_patience_once(place: Paths) -> None:
    """S-24: the view, the reload and the turn of the round have one budget."""
    with listener(place.socket, lambda connection, number: None) as seen:
        client = SupervisordClient(place, patience_seconds=0.3)

        def programs() -> list[Program]:
            assert client.view().manager.state == "stuck"
            return [ONE]

        assert client.reconcile(programs).manager.state == "stuck"
        with pytest.raises(rpc.NoAnswer):
            client.restart(ONE.name)
        assert len(seen) == 1
    assert (place.conf / f"{ONE.name}.conf").is_file()


FAULTS: dict[int, Callable[[Path], object]] = {
    rpc.BAD_NAME: lambda path: rpc.call(path, "startProcess", "nobody"),
    rpc.NO_FILE: lambda path: rpc.call(path, "startProcess", "absent"),
    rpc.NOT_EXECUTABLE: lambda path: rpc.call(path, "startProcess", "data"),
    rpc.ALREADY_STARTED: lambda path: rpc.call(path, "startProcess", "sleeper"),
    rpc.NOT_RUNNING: lambda path: rpc.call(path, "stopProcess", "absent"),
    rpc.ALREADY_ADDED: lambda path: rpc.call(path, "addProcessGroup", "sleeper"),
    rpc.STILL_RUNNING: lambda path: rpc.call(path, "removeProcessGroup", "sleeper"),
    rpc.SPAWN_ERROR: lambda path: rpc.call(path, "startProcess", "flash", True),
}
PROGRAMS = (
    "[program:sleeper]\ncommand=/bin/sleep 60\nstartsecs=0\n",
    "[program:absent]\ncommand=/no/such/program\nautostart=false\n",
    "[program:data]\ncommand=/etc/passwd\nautostart=false\n",
    "[program:flash]\ncommand=/bin/false\nautostart=false\nautorestart=false\nstartretries=0\n",
)


@pytest.mark.slow
def test_every_fault_of_supervisord_has_words_and_a_next_step(place: Paths) -> None:
    """SV6: each fault is made by a real supervisord."""
    daemon = Daemon(place)
    daemon.start(*PROGRAMS)
    try:
        for code, cause in FAULTS.items():
            with pytest.raises(rpc.SupervisordFault) as fault:
                cause(place.socket)
            assert fault.value.code == code
            assert fault.value.message == rpc.MESSAGES[code]
    finally:
        daemon.stop()


@pytest.mark.slow
def test_a_supervisord_that_is_stopping_says_so(place: Paths) -> None:
    """SV6: code 6, while a process takes its time."""
    daemon = Daemon(place)
    daemon.start(
        "[program:slow]\nstopwaitsecs=60\nkillasgroup=true\n"
        "command=/bin/sh -c \"trap '' TERM; while :; do sleep 0.1; done\"\n"
    )
    wait_for(lambda: SupervisordClient(place).view().processes[0].state is ProcessState.RUNNING)
    (slow,) = SupervisordClient(place).view().processes
    assert daemon.process is not None
    assert slow.pid is not None
    daemon.process.terminate()
    states: list[str] = []

    def stopping() -> bool:
        states.append(SupervisordClient(place).view().manager.state)
        return states[-1] == "stopping"

    wait_for(stopping, 50)
    os.kill(slow.pid, signal.SIGKILL)
    daemon.process.wait(60)


def test_starting_and_stopping_twice_is_good(client: SupervisordClient, daemon: Daemon) -> None:
    client.reconcile([ONE])
    client.start("twitterfilter-1")
    client.start("twitterfilter-1")
    client.stop("twitterfilter-1")
    client.stop("twitterfilter-1")
    wait_for(lambda: not daemon.living())
    client.restart("twitterfilter-1")
    wait_for(lambda: len(daemon.living()) == 1)
