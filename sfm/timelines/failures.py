"""Decides whether a failure in a timeline run is an account's, a credential's, or Twitter's.

A failure is counted on its account only after the same run has read another account without error
since that one was begun. What fails for all accounts is counted on none.
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

MAX_FAILURES = 5  # in a row: of one account, then a run leaves it out
MAX_IN_A_ROW = 5  # accounts in a row that Twitter gave no proper answer for, then it is down
RETRY_WHEN_DOWN = timedelta(minutes=15)
MAX_WAIT_SECONDS_WHEN_DOWN = 3.0  # the longest pause before another try while nobody answers
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
    """The failures of one run. Its methods may be called by several threads."""

    read: int = 0  # accounts that were read well
    explained: int = 0  # accounts that Twitter gave a reason for
    in_a_row: int = 0  # accounts without a proper answer, since the latest proper one
    latest: NetworkError | None = None
    pending: dict[int, int] = field(default_factory=dict)  # account -> `read` when it was begun
    credentials: CredentialChecks = field(default_factory=lambda: CredentialChecks())
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_read(self, fingerprint: str) -> list[int]:
        """Record that an account was read with this credential.

        Returns the ids of the accounts whose earlier failures are therefore their own, each once.
        """
        with self._lock:
            self.read, self.in_a_row = self.read + 1, 0
            own, self.pending = list(self.pending), {}
        self.credentials.record_accepted(fingerprint)
        return own

    def record_explained(self) -> None:
        """Record that Twitter gave the reason why an account cannot be read."""
        with self._lock:
            self.explained, self.in_a_row = self.explained + 1, 0

    def record_failed(self, account_id: int, trouble: Exception, read_before: int) -> None:
        """Record a failed account. `read_before`: the value of `read` when it was begun."""
        with self._lock:
            self.pending[account_id] = read_before
            if isinstance(trouble, NetworkError):
                self.in_a_row, self.latest = self.in_a_row + 1, trouble

    @property
    def is_down(self) -> bool:
        """Whether five accounts in a row had no proper answer."""
        return self.in_a_row >= MAX_IN_A_ROW

    @property
    def is_common(self) -> bool:
        """Whether no account was read and no reason was given: all failed alike."""
        return bool(self.pending) and not self.read and not self.explained

    def is_too_long(self, wait: Wait) -> bool:
        """Whether not to wait so long for another try, because other accounts failed alike."""
        nobody_answers = self.in_a_row > (1 if self.read else 0)
        is_fault = isinstance(wait.cause, Retry)
        return nobody_answers and is_fault and wait.seconds > MAX_WAIT_SECONDS_WHEN_DOWN

    def accounts_at_fault(self) -> list[int]:
        """At the end of a run: the ids of accounts that failed while others were read."""
        return [account_id for account_id, before in self.pending.items() if self.read > before]


@dataclass
class CredentialChecks:
    """Decides whether a refusal without a reason is about the account or the credential.

    It is about the account if the credential was just accepted for another account, or if a check
    of the credential says that it is accepted.
    """

    accepted: set[str] = field(default_factory=set)  # fingerprints
    refusals: dict[str, int] = field(default_factory=dict)  # in a row
    checked: dict[str, CredentialProblem | None] = field(default_factory=dict)  # in this row
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_accepted(self, fingerprint: str) -> None:
        """Record that an account was read with this credential."""
        with self._lock:
            self.accepted.add(fingerprint)
            self.refusals.pop(fingerprint, None)
            self.checked.pop(fingerprint, None)

    def refusal_of(
        self, client: TimelineReader, run: RunContext, trouble: CredentialProblem
    ) -> CredentialProblem | None:
        """The refusal of the credential itself; None where only this account's call is refused.

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
    run.count_usage(calls=1)
    try:
        client.check_credential()
        run.count_usage(users=1)
    except CredentialProblem as refusal:
        return None if refusal.is_about_the_call else refusal
    except (Retry, BadRequest, AccountProblem):
        return None
    return None


def count_failures(run: RunContext, account_ids: Sequence[int]) -> dict[int, str]:
    """Count one more failure on each of these accounts. Commits.

    Returns the names, by id, of those that are put aside by it, at the fifth in a row.
    """

    def count_each() -> dict[int, str]:
        put_aside: dict[int, str] = {}
        for account in db.session.scalars(
            select(TwitterUser).where(TwitterUser.id.in_(account_ids))
        ):
            account.failures, account.polled_at = account.failures + 1, clock.now()
            if account.failures >= MAX_FAILURES:
                account.ask_again_at = clock.now() + lifecycle.ASK_AGAIN_AFTER
                put_aside[account.id] = account.name
        run.check_lease()
        return put_aside

    return unit_of_work(count_each) if account_ids else {}


def clear_put_aside(run: RunContext, put_aside: Collection[int]) -> None:
    """Have the next run ask again for all accounts that earlier runs put aside. Commits.

    For the end of a run that read other accounts. `put_aside`: those of this run, left as they are.
    """
    waiting = (
        TwitterUser.failures >= MAX_FAILURES,
        TwitterUser.state == lifecycle.OK,
        TwitterUser.ask_again_at > clock.now(),
        TwitterUser.id.not_in(put_aside),
    )

    def ask_again() -> None:
        db.session.execute(update(TwitterUser).where(*waiting).values(ask_again_at=None))
        run.check_lease()

    unit_of_work(ask_again)
