"""The errors that stop a run before its end; each message is one sentence for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sfm import clock
from sfm.errors import SfmError
from sfm.messages import Message
from sfm.networks.errors import OutOfCredits


class AlreadyRunning(SfmError):
    """Another run of this kind has the lease; the message says who and since when."""


class Cancelled(SfmError):
    """Somebody asked for this run to be stopped for good."""

    def __init__(
        self, message: str = Message("Cancelled. What was collected until then is kept.")
    ) -> None:
        super().__init__(message)


class Interrupted(SfmError):
    """The process is asked to end; the run goes on later where it stopped."""

    def __init__(
        self,
        message: str = Message("The program was asked to stop; the rest comes with the next run."),
    ) -> None:
        super().__init__(message)


class Abandoned(SfmError):
    """Another thread of this run raised the error that ends it; that error gives the reason."""

    def __init__(self) -> None:
        super().__init__(Message("This run is ending."))


class LeaseLost(SfmError):
    """Another process has taken over this run; nothing may be written for it here any more."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This run stood still for so long that another one has taken its place; it ends "
                "here."
            )
        )


class Postponed(SfmError):
    """The run cannot go on now and is tried again at `until` (aware UTC; None: soon)."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class Pause(SfmError):
    """The run waits for an administrator, or for `until` where the moment is known."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


def pause_for(trouble: OutOfCredits) -> Pause:
    """The pause of a run whose credential may read no more, until the next period."""
    return Pause(trouble.message, next_period(trouble.period))


def next_period(period: str | None) -> datetime | None:
    """When a used-up allowance is new again (aware UTC); None where only a person can know.

    Of a billing period nobody says when it begins: it is asked for anew each day, for a call that
    is refused costs nothing.
    """
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period in ("Daily", "Billing"):
        return today + timedelta(days=1)
    if period == "Monthly":
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None


class DatabaseTrouble(SfmError):
    """The database cannot be used at all: gone, read-only, its disk full."""
