"""Whose trouble the failures of one run are: single accounts', a credential's, or everybody's.

A failure is counted on its account only once the same run has read another account well after that
one was begun. What fails for all leaves no mark on any account.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select, update

from sfm import clock
from sfm.accounts import lifecycle
from sfm.database import db
from sfm.messages import N_, Message
from sfm.models import TwitterUser
from sfm.networks.adapter import TimelineReader
from sfm.networks.errors import (
    AccountProblem,
    BadRequest,
    CredentialProblem,
    NetworkError,
    Retry,
    Wait,
)
from sfm.runs.context import RunContext
from sfm.runs.transactions import unit_of_work

MOST_FAILURES = 5  # in a row: of one account, then a run leaves it out
MOST_IN_A_ROW = 5  # accounts in a row that Twitter gave no proper answer for, then it is down
DOWN = timedelta(minutes=15)
SHORT_WAIT_SECONDS = 3.0  # the longest pause before another try while nobody answers
PUT_ASIDE = Message(
    "This has failed five times in a row while other accounts were read. The next run leaves it "
    "out, and the run after that asks for it again."
)
UNEXPLAINED = N_(
    "Twitter refused the question about %(name)s (%(status)s) and gave no reason. It is asked "
    "again with the next run."
)
NO_ADDRESS = N_(
    "Twitter answered that there is nothing at the address of the timeline of %(name)s (404). "
    "Other accounts were read. It is asked again with the next run."
)


@dataclass
class Failures:
    """What one run knows of its failures. Its methods may be called by many threads."""

    read: int = 0  # accounts that were read well
    explained: int = 0  # accounts that Twitter gave a reason for
    in_a_row: int = 0  # accounts without a proper answer, since the latest proper one
    latest: NetworkError | None = None
    pending: dict[int, int] = field(default_factory=dict)  # account -> `read` when it was begun
    credentials: CredentialChecks = field(default_factory=lambda: CredentialChecks())
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_read(self, fingerprint: str) -> list[int]:
        """An account was read well with this credential.

        Gives the accounts whose failure that shows to be their own, each once.
        """
        with self._lock:
            self.read, self.in_a_row = self.read + 1, 0
            own, self.pending = list(self.pending), {}
        self.credentials.note_accepted(fingerprint)
        return own

    def note_explained(self) -> None:
        """Twitter named the reason why an account cannot be read."""
        with self._lock:
            self.explained, self.in_a_row = self.explained + 1, 0

    def note_failed(self, account: int, trouble: Exception, read_before: int) -> None:
        """An account could not be read. `read_before`: what `read` was when it was begun."""
        with self._lock:
            self.pending[account] = read_before
            if isinstance(trouble, NetworkError):
                self.in_a_row, self.latest = self.in_a_row + 1, trouble

    @property
    def is_down(self) -> bool:
        """Whether so many accounts in a row had no proper answer that going on is pointless."""
        return self.in_a_row >= MOST_IN_A_ROW

    @property
    def is_common(self) -> bool:
        """Whether failures are all that came: nothing was read, and no reason was given."""
        return bool(self.pending) and not self.read and not self.explained

    def is_too_long(self, wait: Wait) -> bool:
        """Whether to give up rather than wait so long for another try, as others have in vain."""
        nobody_answers = self.in_a_row > (1 if self.read else 0)
        is_fault = isinstance(wait.cause, Retry)
        return nobody_answers and is_fault and wait.seconds > SHORT_WAIT_SECONDS

    def own_at_end(self) -> list[int]:
        """At the end of the run: the accounts that failed while others were read well."""
        return [account for account, before in self.pending.items() if self.read > before]


@dataclass
class CredentialChecks:
    """Tells a refusal of one account, for which Twitter gave no reason, from one of a credential.

    It is the account's while the credential has just been answered well for another account, or a
    check of the credential says that it is accepted.
    """

    accepted: set[str] = field(default_factory=set)  # fingerprints
    refusals: dict[str, int] = field(default_factory=dict)  # in a row
    checked: dict[str, CredentialProblem | None] = field(default_factory=dict)  # in this row
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_accepted(self, fingerprint: str) -> None:
        """An account was read well with this credential."""
        with self._lock:
            self.accepted.add(fingerprint)
            self.refusals.pop(fingerprint, None)
            self.checked.pop(fingerprint, None)

    def refusal_of(
        self, client: TimelineReader, run: RunContext, trouble: CredentialProblem
    ) -> CredentialProblem | None:
        """What refuses the credential itself; None where only the account's call is refused.

        May make one small call; other threads wait for its answer. Raises Wait and OutOfCredits.
        """
        if not trouble.subject:
            return trouble
        fingerprint = client.fingerprint
        with self._lock:
            self.refusals[fingerprint] = self.refusals.get(fingerprint, 0) + 1
            is_first = self.refusals[fingerprint] == 1
            if is_first and fingerprint in self.accepted:
                return None
            if fingerprint not in self.checked:
                self.checked[fingerprint] = _check(client, run)
            return self.checked[fingerprint]


def _check(client: TimelineReader, run: RunContext) -> CredentialProblem | None:
    """Why Twitter refuses the credential; None where it accepts it, or where that is not known."""
    run.spend(calls=1)
    try:
        client.check_credential()
        run.spend(users=1)
    except CredentialProblem as refusal:
        return None if refusal.is_about_the_call else refusal
    except (Retry, BadRequest, AccountProblem):
        return None
    return None


def count(run: RunContext, accounts: Sequence[int]) -> dict[int, str]:
    """Count one more failure on each of these accounts. Commits.

    Gives the names, by number, of those that this puts aside: the fifth in a row does.
    """

    def count_each() -> dict[int, str]:
        aside: dict[int, str] = {}
        for user in db.session.scalars(select(TwitterUser).where(TwitterUser.id.in_(accounts))):
            user.failures += 1
            if user.failures >= MOST_FAILURES:
                user.ask_again_at = clock.now() + lifecycle.ASK_AGAIN
                aside[user.id] = user.name
        run.fence()
        return aside

    return unit_of_work(count_each) if accounts else {}


def take_back(run: RunContext, put_aside: Collection[int]) -> None:
    """Have the next run ask for all that earlier runs put aside for passing trouble. Commits.

    For the end of a run that read others well. `put_aside`: those of this run, which stay so.
    """
    waiting = (
        TwitterUser.failures >= MOST_FAILURES,
        TwitterUser.state == lifecycle.OK,
        TwitterUser.ask_again_at > clock.now(),
        TwitterUser.id.not_in(put_aside),
    )

    def ask_again() -> None:
        db.session.execute(update(TwitterUser).where(*waiting).values(ask_again_at=None))
        run.fence()

    unit_of_work(ask_again)
