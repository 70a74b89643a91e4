"""The part of an address that leads to a further page of a list: any text, in base64."""

from __future__ import annotations

import base64


def encode_token(text: str) -> str:
    """A text as letters, digits, hyphens and underscores."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> str:
    """The text again. Raises ValueError where it is no token."""
    padded = token.encode("ascii") + b"=" * (-len(token) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
