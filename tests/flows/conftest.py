"""Flows go from the sandbox to the page with nothing in between replaced."""

from tests.collecting import sandbox, settings, twitter

__all__ = ["sandbox", "settings", "twitter"]
