"""The table of jobs: the names, function and schedule of each. To add a job, add a line here.

A job's function is named as `module:function` and imported when it is called, so that this table
imports nothing. It takes the RunContext and returns the run's result or None; that of a job without
runs takes nothing. Nothing is pickled: the installed code is what runs.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sfm.messages import N_

IMPORT_TWEETS = "import_tweets"
REFILL_ITEMS = "refill_items"
FETCH_URLS = "fetch_urls"
FETCH_URLS_NOW = "fetch_urls_now"  # what pages ask for: beside a check of the schedule
FILL_GAP = "fill_gap"
REMOVE_TWEET = "remove_tweet"
EXPORT = "export"


@dataclass(frozen=True)
class Job:
    """One job. It is scheduled if it has a `setting`, which holds its schedule as the sysadmin
    set it, or a `schedule` that is the same everywhere until an administrator changes it."""

    name: str
    title: str  # of one run, at the start of a sentence
    plural: str
    counts: str  # what a run's `added` counts
    items: str  # what `done` and `total` count
    purpose: str = ""  # what it does, for the page with the schedule
    function: str = ""  # `module:function`; empty where only a command carries it out
    setting: str = ""
    schedule: str = ""
    alone: bool = True  # two runs of it never go on at once, whoever started them
    apart: bool = False  # in a process of its own where pages are served: it computes for minutes
    has_runs: bool = True  # False: due too often for runs; only its last time is kept


# fmt: off
JOBS = {
    job.name: job
    for job in (
        Job("user_timeline", N_("Timeline run"), N_("Timeline runs"), N_("new posts"),
            N_("accounts"),
            N_("Collect new posts of all active accounts"),
            function="sfm.jobs.tasks:collect_timelines", setting="schedule_timelines"),
        Job("update_usernames", N_("Name check"), N_("Name checks"), N_("changed names"),
            N_("accounts"),
            N_("Look up names and states"),
            function="sfm.jobs.tasks:update_usernames", setting="schedule_names"),
        Job("populate_uids", N_("Filling in of uids"), N_("Filling in of uids"), N_("uids"),
            N_("accounts"),
            function="sfm.jobs.tasks:populate_uids"),
        Job(FETCH_URLS, N_("Link check"), N_("Link checks"), N_("links followed"), N_("posts"),
            N_("Follow the links of new posts"),
            function="sfm.jobs.tasks:follow_links", setting="schedule_links"),
        Job(FETCH_URLS_NOW, N_("Following of chosen links"), N_("Followings of chosen links"),
            N_("links followed"), N_("posts"),
            function="sfm.jobs.tasks:follow_links"),
        Job("add_userlist", N_("List of accounts"), N_("Lists of accounts"), N_("new accounts"),
            N_("lines")),
        Job(IMPORT_TWEETS, N_("Import"), N_("Imports"), N_("new posts"), N_("posts"),
            function="sfm.jobs.tasks:import_stream_files", apart=True),
        Job("fetch_tweets_by_id", N_("Look-up of posts"), N_("Look-ups of posts"),
            N_("posts"), N_("ids")),
        Job(REFILL_ITEMS, N_("Making anew"), N_("Makings anew"), N_("changed posts"),
            N_("posts")),
        Job("check_credentials", N_("Credential check"), N_("Credential checks"), "",
            N_("credentials"),
            N_("Check the kept credentials"),
            function="sfm.jobs.tasks:check_credentials", setting="schedule_credentials"),
        Job("organizedata", N_("Tidying of files"), N_("Tidyings of files"), N_("files moved"),
            N_("files"),
            N_("Move finished stream files into their folders"),
            function="sfm.jobs.tasks:organize", setting="schedule_organize", apart=True),
        Job("reconcile", N_("Care of stream processes"), N_("Care of stream processes"), "",
            N_("filters"),
            N_("Bring the stream processes together with the filters"),
            function="sfm.jobs.tasks:reconcile", setting="schedule_reconcile", has_runs=False),
        Job("check_counts", N_("Count check"), N_("Count checks"), N_("corrected counts"),
            N_("counts"),
            N_("Check the counts beside the posts"),
            function="sfm.jobs.tasks:check_counts", setting="schedule_counts", apart=True),
        Job(FILL_GAP, N_("Filling of a gap"), N_("Fillings of gaps"), N_("posts"), N_("gaps"),
            function="sfm.jobs.tasks:fill_gap"),
        Job(EXPORT, N_("Export"), N_("Exports"), N_("rows"), N_("posts"),
            function="sfm.exports.task:run_export", alone=False),
        Job(REMOVE_TWEET, N_("Deletion of posts"), N_("Deletions of posts"),
            N_("posts deleted"), N_("posts"),
            function="sfm.takedown.run:run_takedown", apart=True),
        Job("tidy_exports", N_("Care of exports"), N_("Care of exports"), N_("exports made"),
            N_("exports"),
            N_("Make exports that are due again, remove old ones"),
            function="sfm.exports.recurring:tidy_exports", setting="schedule_exports"),
    )
}
# fmt: on


def job_of(name: str) -> Job:
    """The job of this name; one made of the name itself for runs of an older release."""
    plain = name.replace("_", " ").capitalize()
    return JOBS.get(name) or Job(name, plain, plain, N_("added"), N_("items"))


def scheduled() -> list[Job]:
    """The jobs that have a schedule, in the table's order."""
    return [job for job in JOBS.values() if job.setting or job.schedule]


def with_runs() -> list[str]:
    """The names of the jobs whose queued runs a worker executes."""
    return [job.name for job in JOBS.values() if job.function and job.has_runs]


def function_of(name: str) -> Callable[..., Any]:
    """The function of the job of this name, imported now."""
    function: Callable[..., Any] = pkgutil.resolve_name(JOBS[name].function)
    return function


def lease_name(name: str, run_id: int | None) -> str:
    """The name of a run's lease: its job's, or its own where runs may run at the same time."""
    return f"run:{name}" if job_of(name).alone else f"run:{name}:{run_id}"
