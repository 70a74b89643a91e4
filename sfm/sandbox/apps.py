"""The app that is registered with the sandbox: its keys, and where people may be sent back to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from sfm.sandbox.defaults import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_CONSUMER_KEY,
    DEFAULT_CONSUMER_SECRET,
)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class RegisteredApp:
    """Keys for OAuth 1.0a (consumer) and OAuth 2.0 (client).

    Without `callbacks` any address on this machine will do; with them only those, exactly, though a
    query string may be added, as X has it. Without a client secret it is a public client.
    """

    consumer_key: str = DEFAULT_CONSUMER_KEY
    consumer_secret: str = DEFAULT_CONSUMER_SECRET
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = DEFAULT_CLIENT_SECRET
    callbacks: tuple[str, ...] = ()

    def may_return_to(self, address: str) -> bool:
        """Whether people may be sent to this address after signing in."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        if not self.callbacks:
            return parts.hostname in _LOOPBACK
        plain = parts._replace(query="", fragment="").geturl()
        return address in self.callbacks or plain in self.callbacks
