"""Deleting tweets as a run: asked for on a page, carried out in the background."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sfm import audit, clock
from sfm.errors import SfmError, WrongInput
from sfm.models import Run, User
from sfm.runs import journal
from sfm.runs.active import ActiveRun
from sfm.runs.errors import Postponed
from sfm.runs.jobs import REMOVE_TWEET
from sfm.takedown import removal

LONGEST_REASON = 1000
FILES_GROW = timedelta(hours=1)  # until files that are being written are looked at again


def ask(ids: Iterable[int], reason: str, by: User) -> Run:
    """A queued run that takes these tweets out of everything kept; flushed, the caller commits.

    `reason` goes into the audit log when they go. Raises WrongInput.
    """
    wanted = removal.checked(ids)
    if not reason.strip():
        raise WrongInput("Say why; the change log keeps it.")
    if len(reason) > LONGEST_REASON:
        raise WrongInput(f"The reason has at most {LONGEST_REASON} characters.")
    params = {
        "ids": [str(number) for number in sorted(wanted.ids)],
        "reason": reason.strip(),
        "by_id": by.id,
        "by": by.username,
    }
    run = journal.queue(REMOVE_TWEET, params=params, requested_by_id=by.id)
    if run is None:
        raise SfmError("The deletion could not be put down. Try again.")
    return run


def carry_out(run: ActiveRun) -> dict[str, Any]:
    """Take the tweets of the run's params out of everything kept; what went, by kind. Commits.

    Raises Postponed while files that are still being written hold one: the rest is deleted then,
    and the run goes on with those files later.
    """
    ids = [int(number) for number in run.params["ids"]]
    run.show("Looking where it is kept.", total=len(ids))
    found = removal.find(ids, run.check)
    troubles = []
    if found.anything:
        run.show("Deleting it everywhere.")
        with audit.acting_as(audit.Actor(run.params["by_id"], run.params["by"])):
            troubles = removal.remove(found, run.params["reason"], run.check)
    for trouble in troubles:
        run.error(", ".join(run.params["ids"])[:200], trouble)
    run.advance(len(ids), len(found.tweets.gone))
    if found.later:
        raise Postponed(
            "Deleted, except from files that are being written at the moment. "
            "Those follow by themselves when they are finished.",
            clock.now() + FILES_GROW,
        )
    return found.counts()
