"""Everything one running sandbox is made of, handed to each endpoint."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from sfm.sandbox.clock import SandboxClock, iso
from sfm.sandbox.connections import Streams
from sfm.sandbox.credentials import Caller, Credentials
from sfm.sandbox.faults import Faults
from sfm.sandbox.limits import Limits
from sfm.sandbox.requested_fields import RequestedFields
from sfm.sandbox.rulebook import RuleBook
from sfm.sandbox.shapes import PostView
from sfm.sandbox.signin import SignIn
from sfm.sandbox.world.world import World

TIMELINE_REACH = 3_200  # posts that a timeline gives, the newest


@dataclass(frozen=True)
class Served:
    """One request that was answered; for tests that count calls."""

    method: str
    path: str
    query: str
    status: int
    caller: str


@dataclass
class SiteUsage:
    """Posts and users handed out, per app and UTC day."""

    posts: dict[tuple[str, str], int] = field(default_factory=dict)
    users: dict[tuple[str, str], int] = field(default_factory=dict)
    cap: int = 3_000_000
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, app: str, day: str, posts: int, users: int) -> None:
        """Count what one answer's `data` held."""
        with self.lock:
            self.posts[app, day] = self.posts.get((app, day), 0) + posts
            self.users[app, day] = self.users.get((app, day), 0) + users

    def of_month(self, app: str, month: str) -> int:
        """Posts of one app in a month, `2026-11`."""
        with self.lock:
            return sum(
                n for (owner, day), n in self.posts.items() if owner == app and day[:7] == month
            )


class Site:
    """The parts of one sandbox."""

    def __init__(
        self,
        world: World,
        credentials: Credentials,
        limits: Limits,
        *,
        sign_in: SignIn,
        dialect: str = "auto",
    ) -> None:
        self.world = world
        self.clock: SandboxClock = world.clock
        self.credentials = credentials
        self.limits = limits
        self.sign_in = sign_in
        self.faults = Faults()
        self.usage = SiteUsage()
        self.rules = RuleBook(world.clock)
        self.streams = Streams()
        self.served: deque[Served] = deque(maxlen=20_000)
        self.dialect = dialect
        self.timeline_reach = TIMELINE_REACH
        self.stopping = threading.Event()

    def view(self, fields: RequestedFields) -> PostView:
        """The world as of now with these fields."""
        return PostView(self.world, fields, self.clock.now_ms())

    def today(self) -> str:
        """The UTC day, `2026-11-22`."""
        return iso(self.clock.now_ms())[:10]

    def meter(self, caller: Caller, posts: int = 0, users: int = 0) -> None:
        """Count what goes out to a caller."""
        self.usage.add(caller.app, self.today(), posts, users)
