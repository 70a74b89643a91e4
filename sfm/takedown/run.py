"""Deleting posts as a run: asked for on a page, carried out in the background."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sfm import audit, clock
from sfm.errors import SfmError, WrongInput
from sfm.messages import Message, pack
from sfm.models import Run, User
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.runs.errors import Postponed
from sfm.runs.jobs import REMOVE_TWEET
from sfm.takedown import removal
from sfm.takedown.outcome import Outcome, backups

MAX_REASON_LENGTH = 1000
FILES_GROW = timedelta(hours=1)  # until files that are being written are looked at again
MAX_NAMES = 5  # of what is still being written, in one sentence


def request_removal(ids: Iterable[int], reason: str, by: User, *, may_return: bool = False) -> Run:
    """A queued run that takes these posts out of everything kept; flushed, the caller commits.

    They are never collected or imported again, but with `may_return`.
    `reason` goes into the audit log when they go. Raises WrongInput.
    """
    posts = removal.validate_ids(ids)
    if not reason.strip():
        raise WrongInput(Message("Say why; the change log keeps it."))
    if len(reason) > MAX_REASON_LENGTH:
        raise WrongInput(
            Message("The reason has at most %(limit)s characters.", limit=MAX_REASON_LENGTH)
        )
    params = {
        "ids": [str(number) for number in sorted(posts.ids)],
        "reason": reason.strip(),
        "by_id": by.id,
        "by": by.username,
        "may_return": may_return,
    }
    run = queue.enqueue(REMOVE_TWEET, params=params, requested_by_id=by.id)
    if run is None:
        raise SfmError(Message("The deletion could not be put down. Try again."))
    return run


def run_takedown(run: RunContext) -> dict[str, Any]:
    """Take the posts of the run's params out of everything kept; what went, by kind. Commits.

    Raises Postponed while something that is still being written may hold one: the rest is deleted
    then, and the run goes on with that later.
    """
    ids = [int(number) for number in run.params["ids"]]
    outcome = _remove(run, ids)
    for trouble in outcome.troubles:
        run.error(", ".join(run.params["ids"])[:200], trouble)
    counts = _with_earlier(run, outcome.counts)
    run.advance(len(ids), outcome.counts["stored"])
    if outcome.comes_later:
        run.save_cursor({"counts": counts})
        raise _postponed(outcome)
    run.save_cursor({})
    return {
        **counts,
        "left": [pack(trouble) for trouble in outcome.troubles],
        "backups": _backups(),
    }


def _postponed(outcome: Outcome) -> Postponed:
    return Postponed(
        Message(
            "Deleted, except from what is being written at the moment: %(comes_later)s. It "
            "follows by itself when that is finished.",
            comes_later=_shortened(outcome.comes_later),
        ),
        clock.now() + FILES_GROW,
    )


def _remove(run: RunContext, ids: list[int]) -> Outcome:
    run.set_status(Message("Looking where it is kept."), total=len(ids))
    with audit.acting_as(audit.Actor(run.params["by_id"], run.params["by"])):
        removal.register_ids(ids, run.id)
        findings = removal.find_posts(ids, run.check)
        run.set_status(Message("Deleting it everywhere."))
        return removal.remove_posts(
            findings,
            run.params["reason"],
            run.check,
            may_return=bool(run.params.get("may_return")),
            run_id=run.id,
        )


def _with_earlier(run: RunContext, counts: dict[str, int]) -> dict[str, int]:
    """What went, with what went before the run was put off."""
    earlier: dict[str, int] = run.cursor.get("counts", {})
    return {name: count + earlier.get(name, 0) for name, count in counts.items()}


def _shortened(names: tuple[str, ...]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MAX_NAMES
    listed = ", ".join(names[:MAX_NAMES])
    if more <= 0:
        return listed
    return Message("%(names)s and %(count)s more", names=listed, count=more)


def _backups() -> list[str]:
    return [path.name for path in backups()]
