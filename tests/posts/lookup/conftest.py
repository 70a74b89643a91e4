"""These tests look posts up in the sandbox."""

from tests.collecting import sandbox, settings

__all__ = ["sandbox", "settings"]
