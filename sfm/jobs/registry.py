"""Which function does each job and each kind of queued run, by name; imported when it is called.

A run's function takes the ActiveRun and gives back the run's result, or None. A tick's function
takes nothing. Nothing is pickled: what runs is always the code that is installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from sfm.runs.active import ActiveRun

RunFunction = Callable[[ActiveRun], "Mapping[str, Any] | None"]

RUNS = {
    "user_timeline": "sfm.jobs.tasks:collect_timelines",
    "update_usernames": "sfm.jobs.tasks:update_usernames",
    "populate_uids": "sfm.jobs.tasks:populate_uids",
    "check_credentials": "sfm.jobs.tasks:check_credentials",
    "check_counts": "sfm.jobs.tasks:check_counts",
    "export": "sfm.exports.run:carry_out",
    "organizedata": "sfm.jobs.stream_tasks:organize",
    "fill_gap": "sfm.jobs.stream_tasks:fill_gap",
    "import_tweets": "sfm.jobs.stream_tasks:import_stream_files",
    "fetch_urls": "sfm.jobs.tasks:follow_links",
    "remove_tweet": "sfm.takedown.run:carry_out",
    "tidy_exports": "sfm.exports.upkeep:tidy_exports",
}
TICKS = {
    "reconcile": "sfm.jobs.tasks:reconcile",
}


def run_function(kind: str) -> RunFunction:
    """What carries out a run of this kind."""
    found: RunFunction = _load(RUNS[kind])
    return found


def tick_function(name: str) -> Callable[[], None]:
    """What a tick of this name does."""
    found: Callable[[], None] = _load(TICKS[name])
    return found


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
