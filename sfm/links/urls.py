"""One reading of a web address, and its rebuilding from the parts read. Pure.

Parsers disagree about odd addresses, and an attacker lives in between. So ours reads strictly,
refuses what is odd, and what is asked for is built anew from what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

import idna

from sfm.links.ip_ranges import Address, parse_address
from sfm.links.outcomes import Outcome

MAX_URL_CHARS = 4096  # characters; also of a Location header
_SHAPE = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]@\\\s]+)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER_LIKE = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DEFAULT_PORT = {"http": 80, "https": 443}
_KEPT_IN_PATH = "/%:@!$&'()*+,;=-._~"
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "onion", "invalid")


class RefusedUrl(Exception):
    """This address is not asked for. Carries the outcome."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome: Outcome = outcome


@dataclass(frozen=True)
class Target:
    """One address to ask for. `host` is in ASCII; `literal` is set where it is a number."""

    url: str
    scheme: str
    host: str
    port: int
    literal: Address | None = None


def read_url(
    text: str,
    *,
    ports: frozenset[int] | None = frozenset({80, 443}),
    own_names: frozenset[str] = frozenset(),
) -> Target:
    """The address in this text, rebuilt. Raises Refused for all that is no plain web address."""
    text = text.strip()
    if len(text) > MAX_URL_CHARS:
        raise RefusedUrl("invalid", "longer than 4,096 characters")
    match = _SHAPE.fullmatch(text)
    if match is None or _CONTROL.search(text):
        raise RefusedUrl("invalid", "not an http or https address")
    scheme, authority, path, query = match[1].lower(), match[2], match[3], match[4] or ""
    host, port = _authority(authority, scheme)
    literal = _check_host(host, own_names)
    if ports is not None and port not in ports:
        raise RefusedUrl("not_public", f"port {port}")
    shown = host if port == _DEFAULT_PORT[scheme] else f"{host}:{port}"
    rebuilt = f"{scheme}://{shown}{_escape(path) or '/'}{_escape_query(query)}"
    return Target(rebuilt, scheme, host.strip("[]"), port, literal)


def read_location(base: Target, location: str) -> str:
    """Where a redirect leads, as an absolute address still to be read. Raises RefusedUrl."""
    location = location.strip()
    if len(location) > MAX_URL_CHARS:
        raise RefusedUrl("too_large", "a redirect longer than 4,096 characters")
    if _CONTROL.search(location) or location.startswith(("\\", "/\\")):
        raise RefusedUrl("invalid", "a redirect to no web address")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", location):
        return location
    return urljoin(base.url, location)


def _authority(authority: str, scheme: str) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise RefusedUrl("invalid", "not a plain host name")
    port = int(match[2]) if match[2] else _DEFAULT_PORT[scheme]
    return _host(match[1]), port


def _host(text: str) -> str:
    if text.startswith("["):
        return text.lower()
    host = text.rstrip(".").lower() if text.isascii() else _to_ascii(text)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise RefusedUrl("invalid", "not a host name")
    return host


def _to_ascii(text: str) -> str:
    """Names in other scripts as Punycode; wide digits and dots become what they look like."""
    try:
        return idna.encode(text, uts46=True).decode().rstrip(".").lower()
    except (idna.IDNAError, UnicodeError):
        raise RefusedUrl("invalid", "not a host name in any script") from None


def _check_host(host: str, own_names: frozenset[str]) -> Address | None:
    labels = host.split(".")
    if host.startswith("["):
        return _literal(host[1:-1])
    if _NUMBER_LIKE.fullmatch(labels[-1]):
        return _literal(host)
    if len(labels) == 1 or labels[-1] in _INSIDE or host.endswith(".home.arpa"):
        raise RefusedUrl("not_public", "a name inside a network")
    if host in own_names:
        raise RefusedUrl("not_public", "this computer")
    return None


def _literal(text: str) -> Address:
    """The strict form only: 0x7f.1, 017700000001 and the like mean addresses to some programs."""
    address = parse_address(text)
    if address is None:
        raise RefusedUrl("not_public", "an address in an odd form")
    return address


def _escape(path: str) -> str:
    return quote(path, safe=_KEPT_IN_PATH)


def _escape_query(query: str) -> str:
    return quote(query, safe=_KEPT_IN_PATH + "?")
