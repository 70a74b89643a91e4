"""`flask sandbox`: the stand-in for Twitter, on a port of its own."""

from sfm.sandbox.command import sandbox

__all__ = ["sandbox"]
