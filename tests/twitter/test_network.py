"""Certificates that cannot be trusted, and streams that reach nobody because of them."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
import trustme

from sfm.twitter import errors
from sfm.twitter.auth import BearerAuth
from sfm.twitter.meter import MemoryMeter
from sfm.twitter.ratelimit import Limiter
from sfm.twitter.stream import KeepAlive
from sfm.twitter.streaming import StreamClient
from sfm.twitter.transport import new_session
from tests.twitter.fake import answer

TOKEN = "CANARY-bearer-token-0123456789"


def client(root, session=None):
    return StreamClient(
        BearerAuth(TOKEN), api_root=root, limiter=Limiter(), meter=MemoryMeter(), session=session
    )


@contextmanager
def served(certificate):
    """A server on loopback behind TLS (or plain, without a certificate); what it was sent."""
    heard = []
    listening = socket.create_server(("127.0.0.1", 0))
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)

    def serve():
        with suppress(OSError):
            while True:
                plain, _address = listening.accept()
                talk(plain)

    def talk(plain):
        with plain, suppress(OSError):
            plain.settimeout(5)
            connection = context.wrap_socket(plain, server_side=True) if context else plain
            heard.append(connection.recv(65536))
            connection.sendall(answer(200, b"\r\n"))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def session(authority, tmp_path):
    """Our own session, told of one more authority."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    found = new_session()
    found.verify = str(file)
    return found


def test_a_good_certificate_is_taken(authority, session):
    with served(authority.issue_cert("localhost")) as (port, heard):
        found = list(client(f"https://localhost:{port}", session).filter_stream())
    assert isinstance(found[0], KeepAlive)
    assert TOKEN.encode() in heard[0]


LONG_AGO = {
    "not_before": datetime(2020, 1, 1, tzinfo=UTC),
    "not_after": datetime(2021, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("wrong", ["name", "authority", "date", "no tls"])
def test_who_cannot_be_trusted_is_not_sent_the_token(authority, session, wrong):
    """ST20: no second try without looking at the certificate."""
    certificates = {
        "name": lambda: authority.issue_cert("elsewhere.example"),
        "authority": lambda: trustme.CA().issue_cert("localhost"),
        "date": lambda: authority.issue_cert("localhost", **LONG_AGO),
        "no tls": lambda: None,
    }
    with served(certificates[wrong]()) as (port, heard):
        with pytest.raises(errors.Retry) as fault:
            client(f"https://localhost:{port}", session).filter_stream()
    assert "certificate cannot be trusted" in str(fault.value)
    assert b"Bearer" not in b"".join(heard)
    assert len(heard) == (wrong == "no tls")
