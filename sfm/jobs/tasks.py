"""The jobs themselves: each joins a feature with the client that it needs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sfm.database import db
from sfm.errors import WrongInput
from sfm.extensions import settings
from sfm.filters import reconcile as filter_reconcile
from sfm.filters.remote_checks import search_client
from sfm.messages import Message
from sfm.models import Credential, Gap, StreamFile, TwitterFilter
from sfm.networks.adapter import NetworkClient
from sfm.networks.errors import Wait
from sfm.posts.count_check import Difference, verify_in_slices
from sfm.posts.importer import import_files
from sfm.runs.context import RunContext
from sfm.streams import archive, files, gap_fill
from sfm.streams.deleted_filter_files import seal_files_of_deleted_filters
from sfm.timelines import refresh_names
from sfm.timelines import run as timelines
from sfm.users.clients import collecting_client, default_client
from sfm.users.credential_check import check

logger = logging.getLogger(__name__)

MAX_CORRECTIONS_TOLD = 100  # as error rows; all are counted, and in the log


def _patient_client(run: RunContext) -> NetworkClient:
    """A client that waits for limits, shown on the run's page."""
    client = default_client(lambda wait: run.wait(wait.until, wait.message))
    db.session.rollback()
    return client


def collect_timelines(run: RunContext) -> dict[str, Any]:
    """New posts of all active accounts, or of those that the params name."""
    default_client()
    return timelines.run_timelines(run, collecting_client)


def update_usernames(run: RunContext) -> dict[str, Any]:
    """Names and states of all active accounts."""
    return refresh_names.update_usernames(run, _patient_client(run))


def populate_uids(run: RunContext) -> dict[str, Any]:
    """Uids that accounts of old databases lack."""
    return refresh_names.populate_uids(run, _patient_client(run))


def check_credentials(run: RunContext) -> dict[str, Any]:
    """Each kept credential, asked once; one that does not work is an error row."""
    ids = list(db.session.scalars(select(Credential.id).order_by(Credential.id)))
    db.session.rollback()
    run.set_status("", total=len(ids))
    works = 0
    for credential_id in ids:
        run.check()
        credential = db.session.get(Credential, credential_id)
        if credential is None:
            continue
        owner = credential.user.username
        outcome = check(credential)
        works += outcome.works
        if not outcome.works:
            run.error(owner, outcome.message)
        run.advance()
    return {"credentials": len(ids), "works": works}


def check_counts(run: RunContext) -> dict[str, Any]:
    """The counts beside the posts against a full count; what was wrong is put right and told."""

    def tell(difference: Difference) -> None:
        run.advance(0, 1)
        if run.errors < MAX_CORRECTIONS_TOLD:
            reason = Message(
                "Stood at %(kept)s and was corrected to %(counted)s.",
                kept=f"{difference.kept:,}",
                counted=f"{difference.counted:,}",
            )
            run.error(difference.where, reason)

    return {"corrected": verify_in_slices(run, tell)}


def follow_links(run: RunContext) -> dict[str, Any]:
    """Links of posts not looked at yet, new posts first, and those due for another try."""
    from sfm.links.run import run_links  # asyncio and TLS, for this job alone

    return run_links(run)


def reconcile() -> None:
    """Bring supervisord together with the filters as they are wanted."""
    filter_reconcile.reconcile()


def fill_gap(run: RunContext) -> dict[str, Any]:
    """What recent search still has of the gap that the params name."""
    gap_id = int(run.params["gap"])

    def count_and_check(**usage: int) -> None:
        run.count_usage(**usage)
        run.check()  # each page: a search of 18,000 posts is 180 of them

    client = gap_fill.CountedSearch(_client_of(gap_id, run), count_and_check)
    run.set_status("Asking Twitter's search", total=1)
    result = gap_fill.fill(gap_id, client, settings().data_folder, settings().instance / "run")
    run.advance(1, int(result["posts"]))
    return dict(result)


def _client_of(gap_id: int, run: RunContext) -> NetworkClient:
    """With what the filter connects with; waits for limits."""

    def pause(wait: Wait) -> None:
        run.wait(wait.until, wait.message)

    gap = db.session.get(Gap, gap_id)
    twitter_filter = db.session.get(TwitterFilter, gap.filter_id) if gap and gap.filter_id else None
    if twitter_filter is None:
        raise WrongInput(Message("The filter of this gap is gone."))
    client = search_client(twitter_filter, pause)
    db.session.rollback()
    return client


def import_stream_files(run: RunContext) -> dict[str, Any]:
    """Take the posts of stream files, named by their numbers, into the database."""
    numbers = [int(number) for number in run.params["stream_files"]]
    root = settings().data_folder
    rows = [db.session.get(StreamFile, number) for number in numbers]
    paths: list[Path] = [files.path_of(root, row) for row in rows if row is not None]
    db.session.rollback()
    add_users = bool(run.params.get("add_users"))
    outcomes = import_files(run, paths, add_users=add_users, captured_by="stream")
    counted = ("read", "new", "known", "without_account", "unreadable", "added_accounts")
    return {name: sum(getattr(outcome, name) for outcome in outcomes) for name in counted}


def organize(run: RunContext) -> dict[str, Any]:
    """Finished stream files moved into their folders; each that stayed is an error row."""
    root = settings().data_folder
    seal_files_of_deleted_filters(root, settings().instance / "run")
    found_count = files.catch_up(root)
    moved = 0
    for file in archive.organize(root, root, settings().save_interval_seconds):
        db.session.rollback()
        if file.problem:
            run.error(file.name, file.problem)
        run.advance(1, 0 if file.problem else 1)
        moved += not file.problem
        run.check()
    return {"moved": moved, "found": found_count}
