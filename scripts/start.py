"""`make run`: makes a first installation ready, starts supervisord with everything, and stops it.

Nothing is started or printed where another run of this folder or another program would answer in
our place: the lock of the folder and the ports come first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from scripts.ports import holder_of, is_free
from sfm import instance
from sfm.config import Settings, from_env
from sfm.errors import SfmError
from sfm.file_lock import FileLock, try_to_lock
from sfm.setup.sandbox_mode import may_speak_to_sandbox
from sfm.supervisord.parent_death import end_with_parent
from sfm.supervisord.paths import paths_of

START_SECONDS = 60.0
LOOK_SECONDS = 0.2
SANDBOX_PORT = int(os.environ.get("SANDBOX_PORT") or 8765)


def main() -> int:
    """The exit code: supervisord's, or 128 and the number of the signal that ended it."""
    if os.environ.get("MAKELEVEL"):  # whoever ends `make` ends what it started
        end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _note)
    settings = from_env()
    instance.prepare(settings)
    with _only_one(settings):
        _check_ports(settings)
        arguments = _prepare_installation(settings)
        started = Started(settings, arguments)
        try:
            started.report()
            return started.wait()
        finally:
            started.stop()


# Signals that came. A handler that raises is not heard where Python just forks or tidies up.
_signals: list[int] = []


def _note(number: int, _frame: FrameType | None) -> None:
    _signals.append(number)


def _end_if_asked() -> None:
    if _signals:
        raise SystemExit(128 + _signals[0])


def _only_one(settings: Settings) -> FileLock:
    """The lock of this folder; the file names the process that holds it."""
    folder = settings.instance / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = try_to_lock(folder / "start.lock")
    if lock is None:
        process = (folder / "start.lock").read_text().strip()
        sys.exit(
            f"Social Feed Manager is started already with the folder {settings.instance}, by "
            f"process {process}. End that one first."
        )
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, f"{os.getpid()}\n".encode(), 0)
    return lock


def _check_ports(settings: Settings) -> None:
    needed = [("SFM_PORT", str(settings.host), settings.port)]
    if may_speak_to_sandbox(settings):
        needed.append(("SANDBOX_PORT", "127.0.0.1", SANDBOX_PORT))
    for name, host, port in needed:
        if not is_free(host, port):
            sys.exit(
                f"Port {port} of {host} is in use by {holder_of(port)}, so nothing was started. "
                f"End that program, or choose another port: {name}={port + 1} make run"
            )


def _prepare_installation(settings: Settings) -> list[str]:
    """Bring the database up to date, make the first User, choose Twitter or the sandbox."""
    is_new = not (settings.instance / "local_settings.py").exists()
    _sfm("migrate_database")
    _sfm("create_user", "admin", "--superuser", "--if-none")
    code = _sfm("use_sandbox", "--port", str(SANDBOX_PORT), good=(0, 3))
    if code:
        return []
    if is_new:  # so that a first filter can connect
        command = _command("set_credential", "admin", "--label", "Sandbox")
        subprocess.run(command, input=b"sandbox-bearer", check=False)
    return ["--sandbox-port", str(SANDBOX_PORT)]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "app", *arguments]


def _sfm(*arguments: str, good: tuple[int, ...] = (0,)) -> int:
    """The exit code of one of our commands; ends this program with any that is not good."""
    code = subprocess.run(_command(*arguments), check=False).returncode
    _end_if_asked()
    return code if code in good else sys.exit(code)


class Started:
    """supervisord with all its children; they end with it, and it ends with this program."""

    def __init__(self, settings: Settings, arguments: list[str]) -> None:
        self.settings = settings
        self.has_sandbox = bool(arguments)
        command = _command("supervisor_config", *arguments)
        configuration = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        self.log = paths_of(settings).logs / "web.log"
        self.log_begins = self.log.stat().st_size if self.log.exists() else 0
        self.children = [
            self._child("supervisord", "-n", "-s", "-c", configuration.decode().strip())
        ]

    @property
    def supervisord(self) -> subprocess.Popen[bytes]:
        return self.children[0]

    def report(self) -> None:
        """Say where the pages are once it is ours that answer there; begin a first collection."""
        host = str(self.settings.host)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nosec B104
        address = f"http://[{host}]" if ":" in host else f"http://{host}"
        address += f":{self.settings.port}"
        if not self._within(lambda: self._is_listening() and _answers(f"{address}/health")):
            print(f"The pages did not start. The reason is in {self.log}", file=sys.stderr)
            raise SystemExit(1)
        print(f"\nSocial Feed Manager is at {address}/  (Ctrl-C stops it)", flush=True)
        if self.has_sandbox:
            self._first_collection(f"http://127.0.0.1:{SANDBOX_PORT}")

    def _first_collection(self, sandbox: str) -> None:
        print("No Twitter key is set: it collects from a sandbox Twitter with made-up accounts.")
        if not self._within(lambda: _answers(f"{sandbox}/sandbox/health")):
            print("The sandbox did not start.", file=sys.stderr)
        sys.stdout.flush()
        with (self.log.parent / "first.log").open("ab") as log:
            self.children.append(self._child("scripts/first_collection", sandbox, log=log.fileno()))

    def wait(self) -> int:
        """Until supervisord ends; its exit code, as a shell gives it."""
        while (code := self.supervisord.poll()) is None:
            _end_if_asked()
            time.sleep(LOOK_SECONDS)
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """End everything that still runs."""
        if self.supervisord.poll() is None:
            print("Stopping…", flush=True)
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()

    def _child(self, *command: str, log: int | None = None) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        return subprocess.Popen(
            command, stdout=log, stderr=log, preexec_fn=lambda: end_with_parent(parent=parent)
        )

    def _is_listening(self) -> bool:
        """Whether our own gunicorn has got its port: another program may answer there."""
        with suppress(OSError):
            size = self.log.stat().st_size
            with self.log.open("rb") as file:
                file.seek(self.log_begins if size >= self.log_begins else 0)
                return b"Listening at:" in file.read()
        return False

    def _within(self, condition: Callable[[], bool]) -> bool:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.supervisord.poll() is None:
            _end_if_asked()
            if condition():
                return True
            time.sleep(LOOK_SECONDS)
        return False


def _answers(address: str) -> bool:
    with suppress(OSError):
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310  # nosec B310
            return True
    return False


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SfmError as exc:
        sys.exit(f"Error: {exc.message}")
