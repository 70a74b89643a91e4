"""migrate_database in a process of its own, which can be killed before any of its statements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

UPGRADE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sfm.factory import app_from_env
from sfm.database import begin_write, db
from sfm.factory import create_app
from sfm.setup.migrate import bring_up_to_date
app, seen = app_from_env(), 0
with app.app_context():
    @event.listens_for(db.engine, "before_cursor_execute")
    def count(conn, cursor, statement, *rest):
        global seen
        if statement.lstrip().startswith(("CREATE", "INSERT", "UPDATE", "DROP", "ALTER")):
            seen += 1
            if seen == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
    bring_up_to_date(Path(sys.argv[1]))
print(seen)
"""


def bring_up(file: Path, copies: Path, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    """Bring this SQLite file up to date, its copy in `copies`; prints how many writes that took.

    With `kill_at` the process is killed before that one of them.
    """
    env = {
        **os.environ,
        "SFM_INSTANCE": str(file.parent),
        "SFM_DATABASE_URL": f"sqlite:///{file}",
    }
    command = [sys.executable, "-c", UPGRADE, str(copies), str(kill_at)]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100
    )
