"""The jobs themselves: each joins a feature with the client that it needs."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select

from sfm.database import db
from sfm.filters import reconcile as filter_reconcile
from sfm.models import Credential
from sfm.posts.counters import verify_counts
from sfm.runs.context import RunContext
from sfm.runs.transactions import unit_of_work
from sfm.timelines import refresh_names
from sfm.timelines import run as timelines
from sfm.twitter.client import Client
from sfm.users.clients import collecting_client, default_client
from sfm.users.credential_check import check

logger = logging.getLogger(__name__)


def _patient_client(run: RunContext) -> Client:
    """A client that waits for limits, shown on the run's page."""
    client = default_client(lambda wait: run.wait(wait.until, wait.message))
    db.session.rollback()
    return client


def collect_timelines(run: RunContext) -> dict[str, Any]:
    """New tweets of all active accounts, or of those that the params name."""
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
    run.show("", total=len(ids))
    works = 0
    for credential_id in ids:
        run.check()
        credential = db.session.get(Credential, credential_id)
        if credential is None:
            continue
        owner = credential.user.username
        found = check(credential)
        works += found.works
        if not found.works:
            run.error(owner, found.message)
        run.advance()
    return {"credentials": len(ids), "works": works}


def check_counts(run: RunContext) -> dict[str, Any]:
    """The counts beside the tweets against a full count; what was wrong is put right and told."""
    found = unit_of_work(verify_counts)
    for one in found[:100]:
        run.error(one.where, f"Stood at {one.kept:,} and was corrected to {one.counted:,}.")
    run.advance(0, len(found))
    return {"corrected": len(found)}


def follow_links(run: RunContext) -> dict[str, Any]:
    """Links of tweets not looked at yet, new tweets first, and those due for another try."""
    from sfm.links.run import run_links  # asyncio and TLS, for this job alone

    return run_links(run)


def reconcile() -> None:
    """Bring supervisord together with the filters as they are wanted."""
    filter_reconcile.reconcile()
