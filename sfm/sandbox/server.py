"""Starting a sandbox: in a test, in a terminal, or under a process manager."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import TracebackType

from sfm.sandbox.application import Application
from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.clock import HasNow, SandboxClock
from sfm.sandbox.connections import Streams
from sfm.sandbox.credentials import Credentials
from sfm.sandbox.defaults import DEFAULT_BEARER_TOKEN, DEFAULT_KEEP_ALIVE, DEFAULT_SEED
from sfm.sandbox.faults import Faults
from sfm.sandbox.limits import Limits
from sfm.sandbox.oauth1 import OAuth1
from sfm.sandbox.oauth2 import OAuth2
from sfm.sandbox.rulebook import RuleBook
from sfm.sandbox.signin import SignIn
from sfm.sandbox.site import Served, Site
from sfm.sandbox.wire import WireServer
from sfm.sandbox.world.cast import CAST
from sfm.sandbox.world.world import World


class Sandbox:
    """A sandbox on a loopback port, for as long as the `with` block lasts.

        with Sandbox(seed=7, clock=my_clock) as sandbox:
            answer = requests.get(f"{sandbox.url}/2/users/by?usernames=millbrook_lib",
                                  headers={"Authorization": f"Bearer {sandbox.bearer_token}"})

    `clock` is anything with `now()` (aware, UTC); without it the machine's clock counts. Either way
    `sandbox.clock.advance(seconds)` moves the world ahead, and its accounts have posted meanwhile.
    `sandbox.world` is the truth (`world.find(name)`, `world.visible(person)` = ids newest first,
    `world.add_post`, `rename`, `set_state`, `remove_post`), `sandbox.faults.add(kind, …)` plans
    trouble and gives an object whose `fired` counts it, `sandbox.served` lists the requests so far,
    `crowd` is how many posts a second its small accounts write, for streams and search;
    `keep_alive` is in seconds; `sandbox.streams` and `sandbox.rules` are the stream's side;
    `app` holds the keys of OAuth 1.0a and 2.0; `sandbox.oauth1.access_token(uid)` and
    `sandbox.oauth2.tokens(uid, scopes)` give user tokens without the dance;
    `sandbox.limits` are the rate limits (off unless `limits=True`). `reset()` takes faults, limits
    and the request log away but leaves the world as it is.
    """

    def __init__(
        self,
        *,
        seed: int = DEFAULT_SEED,
        accounts: int = len(CAST),
        clock: HasNow | None = None,
        crowd: float = 0.0,
        limits: bool = False,
        bearer_tokens: tuple[str, ...] = (DEFAULT_BEARER_TOKEN,),
        app: RegisteredApp | None = None,
        dialect: str = "auto",
        keep_alive: float = DEFAULT_KEEP_ALIVE,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.clock = SandboxClock(clock)
        self.world = World(seed, accounts, self.clock, crowd)
        self.bearer_token = bearer_tokens[0] if bearer_tokens else ""
        self.app = app or RegisteredApp()
        self.oauth1 = OAuth1(self.app, seed, self.clock)
        self.oauth2 = OAuth2(self.app, seed, self.clock)
        credentials = Credentials(self.oauth1, self.oauth2, bearer_tokens)
        sign_in = SignIn(self.world, self.app, credentials, self.oauth1, self.oauth2)
        kept_limits = Limits(self.clock, enabled=limits)
        self.site = Site(self.world, credentials, kept_limits, sign_in=sign_in, dialect=dialect)
        self.site.streams.keep_alive = keep_alive
        self._server = WireServer((host, port), Application(self.site))
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers: http://127.0.0.1:PORT, without a slash at the end."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def faults(self) -> Faults:
        """Trouble on demand."""
        return self.site.faults

    @property
    def streams(self) -> Streams:
        """Open and past stream connections, and how streams behave."""
        return self.site.streams

    @property
    def rules(self) -> RuleBook:
        """The rules of the filtered stream, per app."""
        return self.site.rules

    @property
    def limits(self) -> Limits:
        """Rate limits."""
        return self.site.limits

    @property
    def served(self) -> list[Served]:
        """The requests answered so far, admin ones not counted."""
        return list(self.site.served)

    def reset(self) -> None:
        """No faults, X's own limits, an empty request log."""
        self.site.faults.clear()
        self.site.limits.reset()
        self.site.served.clear()

    def start(self) -> Sandbox:
        """Answer from a thread of its own, at once."""
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Hang up on everybody and free the port."""
        self.site.stopping.set()
        if self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.close_all()
        self._server.server_close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def serve(sandbox: Sandbox, announce: Callable[[str], object]) -> None:
    """Run until Ctrl-C or SIGTERM. `announce` is given the lines to print once it answers."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with sandbox:
        for line in greeting(sandbox):
            announce(line)
        done.wait()


def greeting(sandbox: Sandbox) -> list[str]:
    """What a person needs to know to use it."""
    return [
        f"Sandbox on {sandbox.url}",
        f"  app bearer token: {sandbox.bearer_token}",
        f"  OAuth 1.0a: {sandbox.app.consumer_key} / {sandbox.app.consumer_secret}",
        f"  OAuth 2.0: {sandbox.app.client_id} / {sandbox.app.client_secret}",
        f"  accounts: {len(sandbox.world.people)}, listed on {sandbox.url}/",
    ]
