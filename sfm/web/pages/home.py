"""The first page: what is here, what came in lately, what runs, what went wrong, what is next."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from sfm import clock
from sfm.accounts.queries import random_sample
from sfm.extensions import settings
from sfm.posts import queries
from sfm.runs import queries as runs
from sfm.runs import scheduled_jobs
from sfm.runs.jobs import job_of
from sfm.users.usage import usage_this_month
from sfm.web.access import access, current_user
from sfm.web.charts import bar_chart, every_day
from sfm.web.htmx import page_or_part

bp = Blueprint("home", __name__)

CHART_DAYS = 31
LATEST = 10
SAMPLE = 12
NEXT = 3


@dataclass(frozen=True)
class Disk:
    """Room on the disk that the data folder is on, in bytes."""

    free: int
    total: int

    @property
    def is_short(self) -> bool:
        return self.free < self.total * 0.1


@bp.get("/")
@access("signed_in")
def index() -> Response:
    last = queries.today_utc()
    days = every_day(queries.day_counts(last, CHART_DAYS), last, CHART_DAYS)
    return page_or_part(
        "home/index.html",
        "home/_activity.html",
        totals=queries.collection_totals(),
        chart=bar_chart(days),
        latest=queries.latest(LATEST),
        sample=random_sample(SAMPLE),
        **_activity(),
    )


@bp.get("/home/now/")
@access("signed_in")
def activity() -> Response:
    return page_or_part("home/activity.html", "home/_activity.html", **_activity())


def _activity() -> dict[str, Any]:
    """What runs, what went wrong lately and what is next."""
    user = current_user()
    return {
        "open_runs": runs.open_runs(),
        "open_events": runs.open_events(5),
        "failed_runs": runs.failed_runs(),
        "latest_errors": runs.latest_errors(6),
        "last_collected": runs.last_ended("user_timeline"),
        "planned": _next_planned(),
        "usage": usage_this_month(),
        "disk": _disk() if user is not None and user.is_superuser else None,
        "job_of": job_of,
        "moment_now": clock.now(),
    }


def _next_planned() -> list[scheduled_jobs.JobStatus]:
    """What the plan does next, soonest first; what happens every few minutes is left out."""
    due = [
        planned
        for planned in scheduled_jobs.job_statuses()
        if planned.next_at is not None and planned.job.has_runs
    ]
    return sorted(due, key=lambda planned: planned.next_at or clock.now())[:NEXT]


def _disk() -> Disk | None:
    try:
        usage = shutil.disk_usage(settings().data_folder)
    except OSError:
        return None
    return Disk(usage.free, usage.total)
