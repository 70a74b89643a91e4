"""Which modules of sfm/ are entered by a small CSV export, a packed one, the view of an account's
page, and a first timeline run: `python -m scripts.trace_modules --names`.

Each action has a process and a temporary installation of its own, with the sandbox for Twitter. A
module is entered when a function of it runs; what runs while a module is imported does not count,
nor does the sandbox.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from sfm.config import Settings
from sfm.factory import create_app
from sfm.sandbox.server import Sandbox

SFM = Path(__file__).resolve().parent.parent / "sfm"
COUNT = 4  # of actions
ACCOUNTS = ("FerryNotes", "millbrook_lib", "HarborCouncil")
USER = "reader"
PASSWORD = "a long sentence of nine plain words for this"  # noqa: S105 (of a temporary installation)


def modules_entered_by(action: Callable[[], None]) -> list[str]:
    """Paths below sfm/, also of what runs in threads that the action starts."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code not in codes and is_counted(code) and not is_importing(frame):
            codes.add(code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted({Path(code.co_filename).relative_to(SFM).as_posix() for code in codes})


def is_counted(code: CodeType) -> bool:
    """Whether this is a function of ours: not the body of a module or class, no template."""
    path = Path(code.co_filename)
    is_ours = path.is_relative_to(SFM) and not path.is_relative_to(SFM / "sandbox")
    return is_ours and path.suffix == ".py" and bool(code.co_flags & inspect.CO_OPTIMIZED)


def is_importing(frame: FrameType) -> bool:
    """Whether a module of sfm/ is being imported by what has called this."""
    caller = frame.f_back
    while caller is not None:
        code = caller.f_code
        if code.co_name == "<module>" and code.co_filename.startswith(str(SFM)):
            return True
        caller = caller.f_back
    return False


def run_command(app: Flask, *arguments: str, typed: str = "") -> None:
    """Raises RuntimeError with the command's output where it fails."""
    result = app.test_cli_runner().invoke(args=list(arguments), input=typed)
    if result.exit_code:
        raise RuntimeError(f"{' '.join(arguments)}: {result.output}") from result.exception


def prepare(app: Flask, folder: Path) -> None:
    """An installation with accounts, of which the first has posts, and one user."""
    names = folder / "names.txt"
    names.write_text("\n".join(ACCOUNTS))
    run_command(app, "migrate_database")
    run_command(app, "create_user", USER, "--password-stdin", "--superuser", typed=PASSWORD)
    run_command(app, "add_userlist", str(names))
    run_command(app, "user_timeline", "--user", ACCOUNTS[0])


def signed_in_client(app: Flask) -> FlaskClient:
    client = app.test_client()
    address = "/login/"
    page = client.get(address).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {"username": USER, "password": PASSWORD, "csrf_token": token[1] if token else ""}
    fetch(client, "post", address, 303, data=form)
    return client


def fetch(client: FlaskClient, method: str, address: str, expected: int, **more: Any) -> None:
    """Raises RuntimeError where the status is another than the expected one."""
    answer = client.open(address, method=method.upper(), **more)
    if answer.status_code != expected:
        raise RuntimeError(f"{address}: {answer.status} {answer.get_data(as_text=True)}")


def actions(app: Flask, folder: Path) -> dict[str, Callable[[], None]]:
    client = signed_in_client(app)
    csv = ["export", "--twitter-user", ACCOUNTS[0], "--filename", str(folder / "posts.csv")]
    packed = [*csv[:-1], str(folder / "posts.zip"), "--package"]
    address = f"/twitter-user/{ACCOUNTS[0]}/"
    return {
        "the smallest CSV export": lambda: run_command(app, *csv),
        "a packed CSV export": lambda: run_command(app, *packed),
        "a view of an account's page": lambda: fetch(client, "get", address, 200),
        "the first timeline run of an account": lambda: run_command(
            app, "user_timeline", "--user", ACCOUNTS[1]
        ),
    }


def trace(places: list[int], *, with_names: bool) -> None:
    """Prints what the actions at these places of `actions` enter, in one process and installation.

    What an earlier one left in a cache, a later one does not enter again.
    """
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        settings = Settings(
            instance=Path(folder),
            twitter_api_root=sandbox.url,
            twitter_bearer_token=sandbox.bearer_token,
        )
        app = create_app(settings)
        prepare(app, Path(folder))
        named_actions = list(actions(app, Path(folder)).items())
        for place in places:
            name, action = named_actions[place]
            modules = modules_entered_by(action)
            print(f"modules entered by {name}: {len(modules)}")
            if with_names:
                print("".join(f"  {module}\n" for module in modules), end="")


def main() -> None:
    """Each action in a fresh process; see above."""
    logging.disable(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", action="store_true", help="list the modules too")
    parser.add_argument("--only", type=int, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only is not None:
        trace(given.only, with_names=given.names)
        return
    for place in range(COUNT):
        command = [sys.executable, "-m", "scripts.trace_modules", *sys.argv[1:]]
        subprocess.run([*command, "--only", str(place)], check=True)


if __name__ == "__main__":
    main()
