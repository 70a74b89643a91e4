"""One thing of every kind that an address can name, all of them one owner's.

A new route with the rule `owner` whose address names something new has to be entered here: the
walk over all routes fails until it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfm import clock
from sfm.database import db
from sfm.exports.format import Layout
from sfm.exports.request import of_account
from sfm.extensions import settings
from sfm.models import (
    ExportFile,
    ExportProfile,
    Gap,
    RecurringExport,
    Run,
    TwitterFilter,
    TwitterUser,
    TwitterUserSet,
    User,
)
from sfm.streams.manifest import record_file
from sfm.streams.writer import StreamWriter
from sfm.users import credentials, service
from sfm.users.service import Rights

GOOD = "seven purple umbrellas rust"


@dataclass(frozen=True)
class People:
    """Everybody who may knock."""

    viewer: User
    owner: User
    other_owner: User
    superuser: User
    deactivated: User


def people() -> People:
    made = {
        name: service.create(name, GOOD, superuser=name == "superuser").user
        for name in ("viewer", "owner", "other_owner", "superuser", "deactivated")
    }
    service.set_rights(made["deactivated"], Rights(is_active=False, is_superuser=False))
    db.session.commit()
    return People(**made)


# What stands for each named part of an address, where the thing belongs to nobody in particular
# or is looked for only after the access rule.
ANYTHING: dict[str, Any] = {
    "name": "millbrook_lib",
    "filename": "css/sfm.css",
    "kind": "oauth1",
}


def stream_file(filter_id: int) -> int:
    """A sealed stream file of one post."""
    sealed: list[Any] = []
    root = settings().data_folder
    writer = StreamWriter(root, f"twitterfilter-{filter_id}", 1, 900, lambda *s: sealed.append(s))
    writer.add(b'{"data":{"id":"1","text":"a post","author_id":"5"}}', 1)
    writer.close()
    ((path, facts),) = sealed
    row = record_file(root, path, facts)
    assert row is not None
    db.session.flush()
    return row.id


def make_owned(owner: User) -> dict[str, int]:
    """Things that belong to `owner`: the part of an address that names each, and its value."""
    account = TwitterUser(uid=11, name="millbrook_lib", added_by_id=owner.id)
    collection = TwitterUserSet(owner_id=owner.id, name="Floods", members=[account])
    stream = TwitterFilter(name="Floods", user_id=owner.id, is_active=False, words="flood")
    run = Run(kind="user_timeline", state="finished", requested_by_id=owner.id)
    order = {"criteria": of_account(account).as_json(), "layout": Layout().as_json()}
    export = ExportFile(owner_id=owner.id, title="Floods", **order)
    profile = ExportProfile(owner_id=owner.id, name="Plain", layout=order["layout"])
    recurring = RecurringExport(
        owner_id=owner.id, title="Weekly", every="week", next_at=clock.now(), **order
    )
    db.session.add_all([account, collection, stream, run, export, profile, recurring])
    credential = credentials.save(owner, credentials.bearer("AAAAAAAAAAAAAAAAAAAA-owned"))
    db.session.flush()
    gap = Gap(filter_id=stream.id, prefix="f1", began_at=clock.now(), cause="network")
    db.session.add(gap)
    db.session.flush()
    found = {
        "credential_id": credential.id,
        "set_id": collection.id,
        "filter_id": stream.id,
        "gap_id": gap.id,
        "file_id": stream_file(stream.id),
        "export_id": export.id,
        "profile_id": profile.id,
        "recurring_id": recurring.id,
        "run_id": run.id,
        "user_id": owner.id,
        "twitter_user_id": account.id,
        "uid": 11,
        "number": export.id,
    }
    assert export.id == profile.id == recurring.id  # so that one `number` names each of them
    db.session.commit()
    return found
