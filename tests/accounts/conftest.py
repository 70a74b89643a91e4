"""The tests of collected accounts ask the sandbox."""

from tests.collecting import sandbox, settings, twitter

__all__ = ["sandbox", "settings", "twitter"]
