"""Filters in a database, and collectors of them as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from flask import Flask

from sfm import clock
from sfm.config import Settings
from sfm.database import db
from sfm.filters import coverage_due
from sfm.models import CoverageSaved, Heartbeat, TwitterFilter, User
from sfm.streams import completeness
from sfm.streams.gap_causes import CoverageGap
from sfm.users import credentials

ROOT = Path(__file__).resolve().parents[2]


def make_filter(
    name: str = "Floods", words: str = "flood", token: str = "token-one", *, owner: str = "ann",
    active: bool = True,
) -> TwitterFilter:  # fmt: skip
    """A filter of a User who holds an app token, or may use the installation's where `token` is
    empty; as it would be after a save. Commits."""
    user = db.session.query(User).filter_by(username=owner).one_or_none() or User(username=owner)
    db.session.add(user)
    db.session.flush()
    saved = credentials.save(user, credentials.bearer(token)) if token else None
    user.installation_token_allowed = user.installation_token_allowed or saved is None
    made = TwitterFilter(
        name=name, user_id=user.id, words=words, is_active=active, active_since=clock.now(),
        credential_id=saved.id if saved else None, uses_installation_token=saved is None,
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    if active:
        coverage_due.begin(made, coverage_due.CREATED)
    coverage_due.note_version(made)
    db.session.commit()
    return made


def environment(app: Flask, api_root: str, **more: str) -> dict[str, str]:
    """What a process needs to be the same installation as the app of the test."""
    settings: Settings = app.extensions["sfm_settings"]
    return {
        "PATH": os.environ["PATH"],
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
        "SFM_SECRET_KEY": settings.secret_key,
        "SFM_TWITTER_API_ROOT": api_root,
        **more,
    }


class Process:
    """One of our commands as a process of its own."""

    def __init__(
        self, env: dict[str, str], *arguments: object, before: tuple[object, ...] = ()
    ) -> None:
        command = [*before, sys.executable, "-m", "flask", "--app", "app", *arguments]
        self.process = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 200) -> tuple[int, str, str]:
        """Exit code, standard output and standard error. Its bound is for what never ends."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out.decode(), err.decode()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()


def beat_of(program: str) -> Heartbeat | None:
    db.session.rollback()
    return db.session.get(Heartbeat, program)


def all_gaps(prefix: str = "twitterfilter-1") -> list[CoverageGap]:
    """The gaps of a stream as its page shows them, earliest first."""
    db.session.rollback()
    return list(completeness.of_prefix(prefix).gaps)


def gaps(prefix: str = "twitterfilter-1") -> list[CoverageGap]:
    """Those of them between the first connection and the end of the last process."""
    return [gap for gap in all_gaps(prefix) if gap.cause != "not_connected" and gap.ended_at]


def saved_spans(prefix: str = "twitterfilter-1") -> list[CoverageSaved]:
    db.session.rollback()
    rows = db.session.query(CoverageSaved).filter_by(prefix=prefix)
    return list(rows.order_by(CoverageSaved.id))


def ids_of_lines(text: bytes | str) -> list[int]:
    return [int(json.loads(line)["data"]["id"]) for line in text.splitlines() if line.strip()]
