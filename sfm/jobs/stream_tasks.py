"""Runs that have to do with live streams: gaps filled from search, stream files imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sfm.database import db
from sfm.errors import WrongInput
from sfm.extensions import settings
from sfm.filters import connections
from sfm.models import Gap, StreamFile, TwitterFilter
from sfm.networks.errors import Wait
from sfm.posts.importer import import_files
from sfm.runs.context import RunContext
from sfm.streams import archive, files, gap_fill
from sfm.streams.deleted_filters import seal_files_of_deleted_filters
from sfm.twitter.client import Client
from sfm.users.clients import client_for, default_client


def fill_gap(run: RunContext) -> dict[str, Any]:
    """What recent search still has of the gap that the params name."""
    gap_id = int(run.params["gap"])
    client = _client_of(gap_id, run)
    run.show("Asking Twitter's search", total=1)
    result = gap_fill.fill(gap_id, client, settings().data_folder, settings().instance / "run")
    run.advance(1, int(result["posts"]))
    return dict(result)


def _client_of(gap_id: int, run: RunContext) -> Client:
    """With the credential of the filter, else the installation's; waits for limits."""

    def pause(wait: Wait) -> None:
        run.wait(wait.until, wait.message)

    gap = db.session.get(Gap, gap_id)
    found = db.session.get(TwitterFilter, gap.filter_id) if gap and gap.filter_id else None
    if found is None:
        raise WrongInput("The filter of this gap is gone.")
    source = connections.source_of_filter(found)
    chosen = source.credential
    client = client_for(chosen, pause) if chosen is not None else default_client(pause)
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
    found = import_files(run, paths, add_users=add_users, captured_by="stream")
    counted = ("read", "new", "known", "without_account", "unreadable", "added_accounts")
    return {name: sum(getattr(one, name) for one in found) for name in counted}


def organize(run: RunContext) -> dict[str, Any]:
    """Finished stream files moved into their folders; each that stayed is an error row."""
    root = settings().data_folder
    seal_files_of_deleted_filters(root, settings().instance / "run")
    found = files.catch_up(root)
    moved = 0
    for one in archive.organize(root, root, settings().save_interval_seconds):
        db.session.rollback()
        if one.problem:
            run.error(one.name, one.problem)
        run.advance(1, 0 if one.problem else 1)
        moved += not one.problem
        run.check()
    return {"moved": moved, "found": found}
