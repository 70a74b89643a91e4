"""Names that are not found or change their address, and certificates that cannot be trusted."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import trustme

from sfm.networks import errors
from sfm.networks.stream import KeepAlive, backoff_kind
from sfm.twitter.auth import BearerAuth
from sfm.twitter.endpoints import FILTER_STREAM
from sfm.twitter.http_client import new_pool
from sfm.twitter.stream_client import StreamClient
from tests.twitter.fake import STREAM_HEAD, TOKEN, Fake, answer, chunk, hold, transport_to
from tests.twitter.memory_meter import MemoryMeter


def client(root, pool=None):
    return StreamClient(transport_to(root, pool=pool))


@dataclass
class NameServer:
    """What one name stands for: a port on loopback, or nothing. Knows nothing of other names."""

    name: str
    port: int | None = None
    asked: int = 0
    real: object = field(default=socket.getaddrinfo)

    def __call__(self, host, *others, **named):
        if host != self.name:
            return self.real(host, *others, **named)
        self.asked += 1
        if self.port is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]


@pytest.fixture
def name_server(monkeypatch):
    found = NameServer("api.moving.example")
    monkeypatch.setattr(socket, "getaddrinfo", found)
    return found


def lingering(asked):
    """Whole answers of a server that would take another question on the same connection."""
    if asked.path.endswith("/rules"):
        whole = answer(200, {"meta": {}}, {"Connection": "keep-alive"})
    else:
        whole = STREAM_HEAD + chunk(b"\r\n") + b"0\r\n\r\n"

    def send(connection, _asked):
        connection.sendall(whole)
        hold(connection)

    return send


def keep_alives(streams):
    return sum(isinstance(event, KeepAlive) for event in streams.filter_stream())


def test_a_name_is_looked_up_anew_for_each_connection(name_server):
    """ST19: nobody knows the name; then it stands for one server, which never hangs up, and then
    for another."""
    with Fake(route=lingering) as first, Fake(route=lingering) as second:
        streams = client("http://api.moving.example")
        with pytest.raises(errors.Retry) as fault:
            streams.filter_stream()
        assert (fault.value.status, backoff_kind(fault.value)) == (None, "network")
        assert name_server.asked == 1
        for number, server in enumerate((first, second, first), start=1):
            name_server.port = server.port
            assert keep_alives(streams) == 1
            assert name_server.asked == 1 + number
        assert (len(first.asked), len(second.asked)) == (2, 1)


def test_a_stream_takes_no_connection_of_another_call_and_leaves_none(name_server):
    """ST19: rules are read before each connection, of the same name."""
    with Fake(route=lingering) as first, Fake(route=lingering) as second:
        streams = client("http://api.moving.example")
        name_server.port = first.port
        assert streams.rules() == ()
        name_server.port = second.port
        assert keep_alives(streams) == 1
        assert streams.rules() == ()
        assert [asked.path[-6:] for asked in first.asked] == ["/rules"]
        assert [asked.path[-6:] for asked in second.asked] == ["stream", "/rules"]


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
            plain.settimeout(60)
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
def pool(authority, tmp_path):
    """Our own connections, told of this authority."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return new_pool(str(file))


def test_a_good_certificate_is_taken(authority, pool):
    with served(authority.issue_cert("localhost")) as (port, heard):
        found = list(client(f"https://localhost:{port}", pool).filter_stream())
    assert isinstance(found[0], KeepAlive)
    assert TOKEN.encode() in heard[0]


@pytest.mark.parametrize("token", ["CANARY\nX-Other: 1", "CANARY\u20ac"])
def test_a_token_that_no_header_can_hold_is_not_sent_and_not_told(token):
    with Fake(route=lingering) as server:
        streams = StreamClient(transport_to(server.root, BearerAuth(token)))
        with pytest.raises(errors.Retry) as fault:
            streams.filter_stream()
        assert server.asked == []
    told = f"{fault.value!r} {fault.value} {fault.value.detail}"
    assert "CANARY" not in told
    assert fault.value.__cause__ is None


LONG_AGO = {
    "not_before": datetime(2020, 1, 1, tzinfo=UTC),
    "not_after": datetime(2021, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("wrong", ["name", "authority", "date", "no tls"])
def test_who_cannot_be_trusted_is_not_sent_the_token(authority, pool, wrong):
    """ST20: no second try without looking at the certificate."""
    certificates = {
        "name": lambda: authority.issue_cert("elsewhere.example"),
        "authority": lambda: trustme.CA().issue_cert("localhost"),
        "date": lambda: authority.issue_cert("localhost", **LONG_AGO),
        "no tls": lambda: None,
    }
    with served(certificates[wrong]()) as (port, heard):
        with pytest.raises(errors.Retry) as fault:
            client(f"https://localhost:{port}", pool).filter_stream()
    assert "certificate cannot be trusted" in str(fault.value)
    assert b"Bearer" not in b"".join(heard)
    assert len(heard) == (wrong == "no tls")


def test_connections_that_never_came_about_use_up_no_limit_and_are_no_calls():
    """Fifty tries at a server that is away leave the fifty connects of a quarter of an hour."""
    meter = MemoryMeter()
    with Fake() as fake:
        transport = transport_to(fake.root, meter=meter)
    for _ in range(FILTER_STREAM.app_limit + 5):
        with pytest.raises(errors.Retry, match="cannot be reached"):
            transport.open(FILTER_STREAM, {}, (1.0, 1.0))
    window = transport.window(FILTER_STREAM)
    assert window is not None
    assert window.remaining == FILTER_STREAM.app_limit
    assert meter.calls.total() == 0
