"""A timeline run: collects all active accounts in several threads; one's failure ends no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import select

from sfm import clock
from sfm.accounts import lifecycle
from sfm.adapters import NETWORK
from sfm.database import db
from sfm.errors import NotFound, SfmError
from sfm.extensions import settings
from sfm.messages import Message, join_messages
from sfm.models import TwitterUser
from sfm.networks.adapter import TimelineReader
from sfm.networks.errors import (
    AccountProblem,
    CredentialProblem,
    NetworkError,
    OutOfCredits,
    Wait,
)
from sfm.runs.context import RunContext
from sfm.runs.errors import (
    Abandoned,
    Cancelled,
    DatabaseTrouble,
    Interrupted,
    LeaseLost,
    Pause,
    Postponed,
    pause_for,
)
from sfm.runs.queue import UNEXPECTED
from sfm.runs.transactions import unit_of_work
from sfm.timelines import failures
from sfm.timelines.collect import AccountCursor, CollectResult, collect, load_cursors
from sfm.timelines.due import due_accounts
from sfm.timelines.failures import RETRY_WHEN_DOWN, Failures

logger = logging.getLogger(__name__)

ClientMaker = Callable[[Callable[[Wait], None]], TimelineReader]
Listener = Callable[[str, "CollectResult | str"], None]

FATAL = (
    Abandoned, Cancelled, CredentialProblem, DatabaseTrouble, Interrupted, LeaseLost, Pause,
    Postponed,
)  # fmt: skip
EXPLAINING = (CredentialProblem, Pause)  # why another thread found no key that it may use
WENT_ON = Message("The run went on with another credential.")
READ_AHEAD = 50  # accounts whose cursor is read with the present one's


@dataclass
class WorkerPool:
    """The threads of one run and the state that they share."""

    app: Flask
    run: RunContext
    make_client: ClientMaker
    listener: Listener
    names: dict[int, str]
    waiting: list[int]
    done_before: int = 0  # accounts that the run asked before it was interrupted
    failed: int = 0
    failures: Failures = field(default_factory=Failures)
    put_aside: set[int] = field(default_factory=set)
    gone: dict[int, AccountProblem] = field(default_factory=dict)
    ended_by: BaseException | None = None
    cursors: dict[int, AccountCursor] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # fingerprints
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """The work of one thread: account after account, until there is none or the run ends."""
        with self.app.app_context(), self.run.group_commit.join():
            try:
                client = self._new_client()
                while (account_id := self._next_account()) is not None:
                    self.run.check()
                    client = self._collect_with_any_credential(client, account_id)
            except BaseException as exc:  # whatever it is, the others have to be told
                self._end(exc)
            finally:
                db.session.remove()

    def _new_client(self) -> TimelineReader:
        return self.make_client(self._wait)

    def _wait(self, wait: Wait) -> None:
        if self.failures.is_too_long(wait):
            raise wait.cause or wait
        self.run.wait(wait.until, wait.message)

    def _collect_with_any_credential(
        self, client: TimelineReader, account_id: int
    ) -> TimelineReader:
        """Collect an account; the client that did it.

        Where Twitter refuses a credential, the run goes on with another one, if there is one.
        """
        while True:
            try:
                self._collect_account(client, account_id)
            except CredentialProblem as refusal:
                client = self._next_client(client, refusal)
            else:
                return client

    def _next_client(self, refused: TimelineReader, why: CredentialProblem) -> TimelineReader:
        """A client with another credential. Raises the refusal where there is none."""
        db.session.rollback()  # the refused key has been marked, and will not be chosen again
        fingerprint = refused.fingerprint
        try:
            client = self._new_client()
        except SfmError:
            raise why from None
        if client.fingerprint == fingerprint:
            raise why
        with self.lock:
            is_new = fingerprint not in self.refused
            self.refused.add(fingerprint)
        if is_new:
            self.run.error(
                Message("Twitter credential"),
                join_messages([why.message, WENT_ON]),
                detail=why.detail,
            )
        return client

    def _next_account(self) -> int | None:
        with self.lock:
            return self.waiting.pop() if self.waiting and self.ended_by is None else None

    def _cursor_of(self, account_id: int) -> AccountCursor | None:
        """This account's cursor; loaded for it and the next ones together."""
        with self.lock:
            if account_id not in self.cursors:
                self.cursors = load_cursors([account_id, *self.waiting[-READ_AHEAD:]])
            return self.cursors.pop(account_id, None)

    def _end(self, exc: BaseException) -> None:
        with self.lock:
            explains = isinstance(exc, EXPLAINING) and not isinstance(self.ended_by, EXPLAINING)
            if self.ended_by is None or explains:
                self.ended_by = exc
        self.run.abandoned = True

    def _collect_account(self, client: TimelineReader, account_id: int) -> None:
        name, read_before = self.names[account_id], self.failures.read
        try:
            collected = self._collect(client, account_id)
        except FATAL:
            raise
        except OutOfCredits as trouble:
            raise pause_for(trouble) from trouble
        except Wait as trouble:
            raise Postponed(trouble.message, trouble.until) from trouble
        except AccountProblem as trouble:
            self._record_account_problem(account_id, trouble)
        except NotFound as trouble:
            self._record_error(account_id, trouble.message, "")
        except SfmError as trouble:
            self._record_failure(account_id, trouble, read_before)
            self._end_if_down(trouble)
        except Exception as exc:  # one account's odd answer must not cost the others theirs
            logger.exception("account failed unexpectedly id=%d", account_id)
            self._record_failure(account_id, exc, read_before)
        else:
            self.count(self.failures.record_read(client.fingerprint))
            self.listener(name, collected)
        finally:
            client.meter.write_now()
        self._save_rate_window(client)
        self.run.advance()

    def _collect(self, client: TimelineReader, account_id: int) -> CollectResult:
        """As `collect`; a refusal without a reason is this account's, unless the credential's."""
        try:
            return collect(client, self.run, account_id, self._cursor_of(account_id))
        except CredentialProblem as trouble:
            refusal = self.failures.credentials.refusal_of(client, self.run, trouble)
            if refusal is not None:
                raise refusal from trouble
            reason = Message(
                failures.UNEXPLAINED, name=self.names[account_id], status=trouble.status
            )
            raise NetworkError(
                reason, detail=trouble.detail, status=trouble.status, permanent=True
            ) from trouble

    def _save_rate_window(self, client: TimelineReader) -> None:
        window = client.timeline_window()
        if window is not None:
            opens_at = clock.now() + timedelta(seconds=window.resets_in_seconds)
            self.run.set_rate_window(window.limit, window.remaining, opens_at)

    def _record_account_problem(self, account_id: int, trouble: AccountProblem) -> None:
        """Apply a state of the account itself, which is asked for weekly from now on.

        Accounts that are gone are applied at the end of the run, when it is known how many are.
        """

        def enter() -> None:
            account = db.session.get(TwitterUser, account_id)
            if account is None:
                return
            account.failures, account.polled_at = 0, clock.now()
            if lifecycle.is_gone(trouble) and account.state != lifecycle.NOT_FOUND:
                self.gone[account_id] = trouble
            else:
                lifecycle.apply_problem(account, trouble)
            if trouble.state in lifecycle.STATES and account_id not in self.gone:
                account.ask_again_at = clock.now() + lifecycle.ASK_AGAIN_AFTER
            self.run.check_lease()

        unit_of_work(enter)
        self.failures.record_explained()
        reason = NETWORK.account_problem(trouble.state, self.names[account_id]).message
        self._record_error(account_id, reason, trouble.detail, permanent=trouble.permanent)

    def _record_failure(self, account_id: int, trouble: Exception, read_before: int) -> None:
        """Record a failure, which is counted on the account once it is known to be its own."""
        reason: str = UNEXPECTED
        detail = type(trouble).__name__
        if isinstance(trouble, SfmError):
            reason, detail = trouble.message, getattr(trouble, "detail", "")
        if getattr(trouble, "status", None) == 404 and self.failures.read:
            reason = Message(failures.NO_ADDRESS, name=self.names[account_id])
        self._record_error(account_id, reason, detail)
        self.failures.record_failed(account_id, trouble, read_before)

    def count(self, account_ids: Sequence[int]) -> None:
        """Count a failure on each of these accounts, with an error row for each put aside."""
        for account_id, name in failures.count_failures(self.run, account_ids).items():
            with self.lock:
                self.put_aside.add(account_id)
            self.run.error(name, failures.PUT_ASIDE, twitter_user_id=account_id)

    def _record_error(
        self, account_id: int, reason: str, detail: str, *, permanent: bool = False
    ) -> None:
        name = self.names[account_id]
        self.run.error(
            name,
            reason,
            detail=detail,
            permanent=permanent,
            twitter_user_id=self._existing_id(account_id),
        )
        with self.lock:
            self.failed += 1
        self.listener(name, reason)

    def _existing_id(self, account_id: int) -> int | None:
        known_id = db.session.scalar(select(TwitterUser.id).where(TwitterUser.id == account_id))
        db.session.rollback()
        return known_id

    def _end_if_down(self, trouble: SfmError) -> None:
        """Raise what ends the run where Twitter is down."""
        if not self.failures.is_down:
            return
        if isinstance(trouble.__cause__, CredentialProblem):
            raise trouble.__cause__
        if trouble.permanent:
            raise SfmError(trouble.message, permanent=True) from trouble
        raise Postponed(trouble.message, clock.now() + RETRY_WHEN_DOWN) from trouble

    def finish(self) -> None:
        """After the last account: count the failures. Raises where no account could be read."""
        if self.failures.is_common and not self.done_before:
            trouble = self.failures.latest
            message = trouble.message if trouble is not None else UNEXPECTED
            raise SfmError(message, permanent=trouble is not None and trouble.permanent)
        self.count(self.failures.accounts_at_fault())
        unit_of_work(self._enter_gone)
        if self.failures.read:
            failures.clear_put_aside(self.run, self.put_aside)

    def _enter_gone(self) -> None:
        accounts = db.session.scalars(
            select(TwitterUser).where(TwitterUser.id.in_(self.gone))
        ).all()
        lifecycle.enter_gone(
            [(account, self.gone[account.id]) for account in accounts], len(self.names)
        )
        self.run.check_lease()


def run_timelines(
    run: RunContext,
    make_client: ClientMaker,
    *,
    listener: Listener = lambda _name, _found: None,
) -> dict[str, Any]:
    """Collect the accounts that the run's params name, or all that are due; the run's result.

    A run that is taken up again leaves out the accounts that it has asked, and goes on counting.
    Runs threads of its own, each with its own client; commits page by page. Raises what ends the
    run: CredentialProblem, Pause (out of credits), Postponed, Cancelled, Interrupted, LeaseLost.
    """
    due = due_accounts(run.begun_at, run.params.get("twitter_user_ids"))
    names = due.names
    run.set_status("", total=len(names) + due.done)
    run.advance(due.done)
    app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]
    waiting = list(reversed(names))
    worker_pool = WorkerPool(app, run, make_client, listener, names, waiting, due.done)
    db.session.rollback()
    with ThreadPoolExecutor(settings().timeline_threads, "timeline") as pool:
        threads = [
            pool.submit(worker_pool.work)
            for _ in range(min(settings().timeline_threads, len(names)))
        ]
        try:
            wait(threads)
        except BaseException:  # Ctrl-C reaches only this thread
            run.abandoned = True
            raise
    if worker_pool.ended_by is not None:
        raise worker_pool.ended_by
    worker_pool.finish()
    return {
        "accounts": len(names) + due.done,
        "new": run.progress.added,
        "failed": worker_pool.failed,
        "not_asked": due.not_due,
    }
