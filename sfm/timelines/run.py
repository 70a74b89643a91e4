"""A timeline run: all active accounts, several at once; one's trouble never ends it for others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app
from sqlalchemy import or_, select

from sfm import clock
from sfm.accounts import lifecycle
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
from sfm.timelines.collect import Begun, Collected, collect, load_cursors
from sfm.timelines.failures import DOWN, Failures
from sfm.twitter.errors import account_problem

logger = logging.getLogger(__name__)

ClientMaker = Callable[[Callable[[Wait], None]], TimelineReader]
Listener = Callable[[str, "Collected | str"], None]

FATAL = (
    Abandoned, Cancelled, CredentialProblem, DatabaseTrouble, Interrupted, LeaseLost, Pause,
    Postponed,
)  # fmt: skip
EXPLAINING = (CredentialProblem, Pause)  # why another thread found no key that it may use
WENT_ON = Message("The run went on with another credential.")
READ_AHEAD = 50  # accounts whose standing is read with the present one's


@dataclass
class WorkerPool:
    """The threads of one run, and what they share."""

    app: Flask
    run: RunContext
    make_client: ClientMaker
    listener: Listener
    names: dict[int, str]
    waiting: list[int]
    failed: int = 0
    failures: Failures = field(default_factory=Failures)
    put_aside: set[int] = field(default_factory=set)
    gone: dict[int, AccountProblem] = field(default_factory=dict)
    ended_by: BaseException | None = None
    begun: dict[int, Begun] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # fingerprints
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """One thread: an account after the other, until there is none or the run has to end."""
        with self.app.app_context(), self.run.pen.hand():
            try:
                client = self._new_client()
                while (account := self._next()) is not None:
                    self.run.check()
                    client = self._with_any_key(client, account)
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

    def _with_any_key(self, client: TimelineReader, account: int) -> TimelineReader:
        """Collect an account; the client that could.

        Where Twitter refuses the key of one researcher, the run goes on with another's, if there
        is one: what is refused to one shall not stand still for all.
        """
        while True:
            try:
                self._account(client, account)
            except CredentialProblem as refusal:
                client = self._next_client(client, refusal)
            else:
                return client

    def _next_client(self, refused: TimelineReader, why: CredentialProblem) -> TimelineReader:
        """With another key. Raises the refusal where there is none."""
        db.session.rollback()  # the refused key has been marked, and will not be chosen again
        mark = refused.fingerprint
        try:
            client = self._new_client()
        except SfmError:
            raise why from None
        if client.fingerprint == mark:
            raise why
        with self.lock:
            is_news = mark not in self.refused
            self.refused.add(mark)
        if is_news:
            self.run.error(
                Message("Twitter credential"),
                join_messages([why.message, WENT_ON]),
                detail=why.detail,
            )
        return client

    def _next(self) -> int | None:
        with self.lock:
            return self.waiting.pop() if self.waiting and self.ended_by is None else None

    def _begun(self, account: int) -> Begun | None:
        """How this account stands; read for it and the next ones at once."""
        with self.lock:
            if account not in self.begun:
                self.begun = load_cursors([account, *self.waiting[-READ_AHEAD:]])
            return self.begun.pop(account, None)

    def _end(self, exc: BaseException) -> None:
        with self.lock:
            explains = isinstance(exc, EXPLAINING) and not isinstance(self.ended_by, EXPLAINING)
            if self.ended_by is None or explains:
                self.ended_by = exc
        self.run.abandoned = True

    def _account(self, client: TimelineReader, account: int) -> None:
        name, read_before = self.names[account], self.failures.read
        try:
            collected = self._collect(client, account)
        except FATAL:
            raise
        except OutOfCredits as trouble:
            raise pause_for(trouble) from trouble
        except Wait as trouble:
            raise Postponed(trouble.message, trouble.until) from trouble
        except AccountProblem as trouble:
            self._cannot_be_read(account, trouble)
        except NotFound as trouble:
            self._note(account, trouble.message, "")
        except SfmError as trouble:
            self._failed(account, trouble, read_before)
            self._end_if_down(trouble)
        except Exception as exc:  # one account's odd answer must not cost the others theirs
            logger.exception("account failed unexpectedly id=%d", account)
            self._failed(account, exc, read_before)
        else:
            self.count(self.failures.note_read(client.fingerprint))
            self.listener(name, collected)
        finally:
            client.meter.settle()
        self._foresee(client)
        self.run.advance()

    def _collect(self, client: TimelineReader, account: int) -> Collected:
        """As `collect`; a refusal without a reason is this account's, unless the credential's."""
        try:
            return collect(client, self.run, account, self._begun(account))
        except CredentialProblem as trouble:
            refusal = self.failures.credentials.refusal_of(client, self.run, trouble)
            if refusal is not None:
                raise refusal from trouble
            reason = Message(failures.UNEXPLAINED, name=self.names[account], status=trouble.status)
            raise NetworkError(
                reason, detail=trouble.detail, status=trouble.status, permanent=True
            ) from trouble

    def _foresee(self, client: TimelineReader) -> None:
        window = client.timeline_window()
        if window is not None:
            opens_at = clock.now() + timedelta(seconds=window.resets_in_seconds)
            self.run.foresee(window.limit, window.remaining, opens_at)

    def _cannot_be_read(self, account: int, trouble: AccountProblem) -> None:
        """A state of the account itself: entered with its date, and asked again weekly.

        Who is gone is entered at the end of the run, when it is known how many are.
        """

        def enter() -> None:
            user = db.session.get(TwitterUser, account)
            if user is None:
                return
            user.failures = 0
            if lifecycle.is_gone(trouble) and user.state != lifecycle.NOT_FOUND:
                self.gone[account] = trouble
            else:
                lifecycle.apply_problem(user, trouble)
            if trouble.state in lifecycle.STATES and account not in self.gone:
                user.ask_again_at = clock.now() + lifecycle.ASK_AGAIN
            self.run.fence()

        unit_of_work(enter)
        self.failures.note_explained()
        reason = account_problem(trouble.state, self.names[account]).message
        self._note(account, reason, trouble.detail, permanent=trouble.permanent)

    def _failed(self, account: int, trouble: Exception, read_before: int) -> None:
        """A passing trouble, which is counted on the account once it turns out to be its own."""
        reason: str = UNEXPECTED
        detail = type(trouble).__name__
        if isinstance(trouble, SfmError):
            reason, detail = trouble.message, getattr(trouble, "detail", "")
        if getattr(trouble, "status", None) == 404 and self.failures.read:
            reason = Message(failures.NO_ADDRESS, name=self.names[account])
        self._note(account, reason, detail)
        self.failures.note_failed(account, trouble, read_before)

    def count(self, accounts: Sequence[int]) -> None:
        """Count a failure on each of these accounts, and record those that it puts aside."""
        for account, name in failures.count(self.run, accounts).items():
            with self.lock:
                self.put_aside.add(account)
            self.run.error(name, failures.PUT_ASIDE, twitter_user_id=account)

    def _note(self, account: int, reason: str, detail: str, *, permanent: bool = False) -> None:
        name = self.names[account]
        self.run.error(
            name, reason, detail=detail, permanent=permanent, twitter_user_id=self._known(account)
        )
        with self.lock:
            self.failed += 1
        self.listener(name, reason)

    def _known(self, account: int) -> int | None:
        known_id = db.session.scalar(select(TwitterUser.id).where(TwitterUser.id == account))
        db.session.rollback()
        return known_id

    def _end_if_down(self, trouble: SfmError) -> None:
        """Where nothing at all comes back properly, going on would only take hours."""
        if not self.failures.is_down:
            return
        if isinstance(trouble.__cause__, CredentialProblem):
            raise trouble.__cause__
        if trouble.permanent:
            raise SfmError(trouble.message, permanent=True) from trouble
        raise Postponed(trouble.message, clock.now() + DOWN) from trouble

    def finish(self) -> None:
        """All were asked: settle whose the failures were. Raises where nothing could be read."""
        if self.failures.is_common:
            trouble = self.failures.latest
            message = trouble.message if trouble is not None else UNEXPECTED
            raise SfmError(message, permanent=trouble is not None and trouble.permanent)
        self.count(self.failures.own_at_end())
        unit_of_work(self._enter_gone)
        if self.failures.read:
            failures.take_back(self.run, self.put_aside)

    def _enter_gone(self) -> None:
        users = db.session.scalars(select(TwitterUser).where(TwitterUser.id.in_(self.gone))).all()
        lifecycle.enter_gone([(user, self.gone[user.id]) for user in users], len(self.names))
        self.run.fence()


def run_timelines(
    run: RunContext,
    make_client: ClientMaker,
    *,
    listener: Listener = lambda _name, _found: None,
) -> dict[str, Any]:
    """Collect the accounts that the run's params name, or all that are due; what came of it.

    Runs threads of its own, each with its own client; commits page by page. Raises what ends the
    run: CredentialProblem, Pause (out of credits), Postponed, Cancelled, Interrupted, LeaseLost.
    """
    chosen_ids = run.params.get("twitter_user_ids")
    names = named(chosen_ids) if chosen_ids is not None else due()
    left_out = not_asked() if chosen_ids is None else 0
    run.show("", total=len(names))
    app = cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]
    waiting, added_before = list(reversed(names)), run.progress.added
    crew = WorkerPool(app, run, make_client, listener, names, waiting)
    db.session.rollback()
    with ThreadPoolExecutor(settings().timeline_threads, "timeline") as pool:
        threads = [
            pool.submit(crew.work) for _ in range(min(settings().timeline_threads, len(names)))
        ]
        try:
            wait(threads)
        except BaseException:  # Ctrl-C reaches only this thread
            run.abandoned = True
            raise
    if crew.ended_by is not None:
        raise crew.ended_by
    crew.finish()
    return {
        "accounts": len(names),
        "new": run.progress.added - added_before,
        "failed": crew.failed,
        "not_asked": left_out,
    }


def due() -> dict[int, str]:
    """The active accounts that a run now asks for, in its order.

    Those never collected first, then those that tweet most, so that little is lost to X's limit
    of 3,200. Left out: what is asked less often (quiet, suspended, protected, gone), before its
    time.
    """
    free = or_(TwitterUser.ask_again_at.is_(None), TwitterUser.ask_again_at <= clock.now())
    return _names(
        select(TwitterUser.id, TwitterUser.name)
        .where(TwitterUser.is_active, TwitterUser.uid.is_not(None), free)
        .order_by(
            TwitterUser.collected_at.is_not(None),
            TwitterUser.tweets_per_day.desc().nulls_last(),
            TwitterUser.id,
        )
    )


def named(ids: Sequence[int]) -> dict[int, str]:
    """These accounts by number, active or not, whenever they were asked last."""
    return _names(select(TwitterUser.id, TwitterUser.name).where(TwitterUser.id.in_(ids)))


def not_asked() -> int:
    """How many active accounts a run now leaves out because their time has not come."""
    count = db.session.scalar(
        select(db.func.count()).where(TwitterUser.is_active, TwitterUser.ask_again_at > clock.now())
    )
    return int(count or 0)


def _names(query: Any) -> dict[int, str]:
    return {row.id: row.name for row in db.session.execute(query)}
