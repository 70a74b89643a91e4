"""Pages whose views ask Twitter ask the sandbox: such tests take `asking`."""

from tests.collecting import sandbox, twitter

__all__ = ["sandbox", "twitter"]
