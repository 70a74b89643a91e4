"""A sandbox that makes each answer once, so that a benchmark of who reads them measures just that.

`python -m bench.remembering ACCOUNTS` serves one, and says where.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sfm.sandbox.application import Application
from sfm.sandbox.server import Sandbox, serve


class Remembering:
    """A WSGI application that asks another, and gives the same address the same answer again."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._answers: dict[str, tuple[str, list[tuple[str, str]], bytes]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        address = environ["RAW_URI"]
        if address not in self._answers:
            head: list[tuple[Any, ...]] = []
            body = b"".join(self._application(environ, lambda *arguments: head.append(arguments)))
            self._answers[address] = (head[0][0], head[0][1], body)
        status, headers, body = self._answers[address]
        start_response(status, headers)
        return [body]


def main() -> None:
    sandbox = Sandbox(accounts=int(sys.argv[1]))
    sandbox._server.app = Remembering(sandbox._server.app)
    serve(sandbox, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
