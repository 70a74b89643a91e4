"""What an endpoint is: its path, who may call it, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request, Response

from sfm.sandbox.credentials import APP, OAUTH1, OAUTH2, Caller
from sfm.sandbox.site import Site

ANYONE = (APP, OAUTH1, OAUTH2)
APP_ONLY = (APP,)
USER_ONLY = (OAUTH1, OAUTH2)


@dataclass(frozen=True)
class Call:
    """One request to one endpoint."""

    site: Site
    request: Request
    caller: Caller

    @property
    def args(self) -> MultiDict[str, str]:
        """The query."""
        return self.request.args


Answer = dict[str, Any] | Response | tuple[dict[str, Any], int]


@dataclass(frozen=True)
class Route:
    """`name` is the one that Limits knows."""

    method: str
    path: str
    name: str
    kinds: tuple[str, ...]
    answer: Callable[..., Answer]
