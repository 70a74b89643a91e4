"""What a page says after a change of a filter: what happened, or what still waits."""

from __future__ import annotations

import pytest

from sfm.filters.reconcile import outcome
from sfm.messages import Message
from sfm.supervisord.follow import ProgramChanges
from sfm.supervisord.manager import RUNNING, Manager
from sfm.supervisord.rpc import MESSAGES, STILL_RUNNING


@pytest.mark.parametrize("done", ["Stopped: Floods.", "Started: Floods.", "Activated: Floods."])
def test_what_was_done_is_said(done: str) -> None:
    """D-27: "Saved." was the answer to Stop and Start too."""
    answer = outcome(ProgramChanges(RUNNING), done)
    assert (answer.message, answer.waits) == (done, False)


def test_what_waits_is_said_in_its_place() -> None:
    changes = ProgramChanges(RUNNING)
    changes.waiting["twitterfilter-1"] = MESSAGES[STILL_RUNNING]
    answer = outcome(changes, "Stopped: Floods.")
    assert (answer.message, answer.waits) == (f"Saved. {MESSAGES[STILL_RUNNING]}", True)
    assert isinstance(answer.message, Message)


def test_without_supervisord_nothing_was_stopped() -> None:
    away = Manager("absent", Message("supervisord is not running."))
    answer = outcome(ProgramChanges(away), "Stopped: Floods.")
    assert answer.message.startswith("Saved. supervisord is not running. The processes follow")
    assert answer.waits
