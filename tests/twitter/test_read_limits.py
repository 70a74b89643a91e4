"""Answers without end: too large, too slow, or while the process is to end. A sentence each."""

from __future__ import annotations

import resource
import socket
import threading
import zlib
from collections.abc import Callable
from functools import cache

import pytest

from sfm.networks.errors import Retry
from sfm.twitter.endpoints import SEARCH
from sfm.twitter.sign_in import App, start_oauth1
from tests.twitter.fake import Asked, Fake, answer, transport_to

MIB = b" " * 1024**2
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Sender = Callable[[socket.socket, Asked], None]


@cache
def packed_blanks() -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(MIB) for _ in range(300)) + packer.flush()


def bomb(connection: socket.socket, _asked: Asked) -> None:
    body = packed_blanks()
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.sendall(head + body)


def endless(connection: socket.socket, _asked: Asked) -> None:
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while True:
        connection.sendall(MIB)


def drip(connection: socket.socket, _asked: Asked) -> None:
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    send_slowly(connection)


def drip_of_a_head(connection: socket.socket, _asked: Asked) -> None:
    connection.sendall(HEAD + b"X-Long: ")
    send_slowly(connection)


def send_slowly(connection: socket.socket) -> None:
    while True:
        connection.sendall(b" ")
        threading.Event().wait(0.1)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("sender", [bomb, endless])
def test_an_answer_over_the_limit_is_hung_up_on_in_little_memory(sender: Sender) -> None:
    packed_blanks()
    before = peak_mib()
    with Fake([sender]) as fake, pytest.raises(Retry, match="larger than 32 MiB"):
        transport_to(fake.root).ask(SEARCH)
    assert peak_mib() - before < 128


@pytest.mark.parametrize("sender", [drip, drip_of_a_head])
def test_an_answer_that_comes_byte_by_byte_has_an_end(sender: Sender) -> None:
    with Fake([sender]) as fake, pytest.raises(Retry, match="did not answer in time"):
        transport_to(fake.root, answer_seconds=0.5).ask(SEARCH)
    assert len(fake.asked) == 1


def test_a_process_that_is_to_end_waits_no_longer_for_a_slow_answer() -> None:
    with Fake([drip]) as fake, pytest.raises(Retry, match="was asked to end"):
        transport_to(fake.root, stopping=lambda: bool(fake.asked)).ask(SEARCH)


def test_a_call_after_an_endless_answer_is_a_new_one() -> None:
    body = {"meta": {"result_count": 0}}
    with Fake([endless, answer(200, body)]) as fake:
        transport = transport_to(fake.root, pause=lambda wait: None)
        assert b"result_count" in transport.ask(SEARCH)
    assert len(fake.asked) == 2


def test_a_sign_in_has_the_same_limit() -> None:
    with Fake([bomb]) as fake, pytest.raises(Retry, match="larger than 32 MiB"):
        start_oauth1(App(fake.root, fake.root, "key", "secret"), "http://127.0.0.1/back")
