"""Names that are not found or change their address, and certificates that cannot be trusted."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
import trustme

from sfm.twitter import errors
from sfm.twitter.auth import BearerAuth
from sfm.twitter.backoff import kind_of
from sfm.twitter.meter import MemoryMeter
from sfm.twitter.ratelimit import Limiter
from sfm.twitter.stream import KeepAlive
from sfm.twitter.streaming import StreamClient
from sfm.twitter.transport import new_session
from tests.twitter.fake import Fake, answer, streamed

TOKEN = "CANARY-bearer-token-0123456789"


def client(root, session=None):
    return StreamClient(
        BearerAuth(TOKEN), api_root=root, limiter=Limiter(), meter=MemoryMeter(), session=session
    )


def test_a_name_is_looked_up_anew_for_each_connection(monkeypatch):
    """ST19: first nobody knows it, then it stands for one server, then for another."""
    looked_up = []
    with Fake([streamed([b"\r\n"])]) as first, Fake([streamed([b"\r\n", b"\r\n"])]) as second:
        ports = iter([None, first.port, second.port])
        real_name_server = socket.getaddrinfo

        def name_server(host, *others, **named):
            if host != "api.moving.example":  # some other thread's
                return real_name_server(host, *others, **named)
            looked_up.append(host)
            port = next(ports)
            if port is None:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", name_server)
        streams = client("http://api.moving.example")
        with pytest.raises(errors.Retry) as fault:
            streams.filter_stream()
        assert (fault.value.status, kind_of(fault.value)) == (None, "network")
        counts = []
        for _ in range(2):
            found = list(streams.filter_stream())
            counts.append(sum(isinstance(event, KeepAlive) for event in found))
        assert (counts, len(first.asked), len(second.asked)) == ([1, 2], 1, 1)
    assert looked_up == ["api.moving.example"] * 3


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
