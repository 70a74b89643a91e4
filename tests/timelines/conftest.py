"""The tests of timelines collect from the sandbox."""

from tests.collecting import sandbox, settings, twitter

__all__ = ["sandbox", "settings", "twitter"]
