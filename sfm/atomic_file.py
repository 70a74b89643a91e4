"""Files that are there whole or not at all, also after a loss of power.

Small ones are written at once (`write_whole`). What commands make goes over nothing unasked: until
it is whole there is `NAME.part`, and `.NAME.part.lock` as long as a process writes it (`part_of`).
A killed process leaves both; who writes the same file next removes them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sfm.errors import WrongInput
from sfm.file_lock import FileLock, is_locked, try_to_lock
from sfm.messages import Message

PART = ".part"
WAIT_SECONDS = 0.25  # `is_locked` holds a lock for an instant
FILES_SUFFIX = ".files"  # behind the name of a part: what is packed into it


def write_whole(target: Path, content: str | bytes, *, over: bool = True) -> None:
    """Put a file that only we can read in the place of whatever is there, or leave that as it was.

    It is written under a name that begins with a point and ends in `.new`, synced, and then gets
    its own: who finds it, finds all of it. Not `over` what is there: raises FileExistsError.
    Text is written as UTF-8. Raises OSError.
    """
    content = content.encode() if isinstance(content, str) else content
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if over:
            draft.replace(target)
        else:
            os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _no_folder(_folder: Path) -> bool:
    return False


@dataclass(frozen=True)
class Destination:
    """What is to be made, and what of the things that are there it may take the place of.

    `replaces`: the person said so (--force). `is_earlier`: whether all that is in a folder was
    put there by an earlier run of ours. `inputs`: what is read, never written over.
    """

    target: Path
    folder: bool = False
    replaces: bool = False
    is_earlier: Callable[[Path], bool] = _no_folder
    inputs: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """Where it will lie: behind a link, what the link names."""
        return Path(os.path.realpath(self.target))

    def check(self) -> None:
        """Raises WrongInput where something is there that must stay."""
        path = self.path
        problem = None
        if reads_from(path, self.inputs):
            problem = Message(
                "%(target)s is read by this very command. Name another file.", target=self.target
            )
        elif path.is_dir():
            problem = self._problem_of_folder(path)
        elif os.path.lexists(path):
            problem = self._problem_of_file(path)
        if problem is not None:
            raise WrongInput(problem)

    def _problem_of_file(self, path: Path) -> Message | None:
        if not path.is_file():
            return Message("%(target)s is no plain file. Name another place.", target=self.target)
        if self.folder:
            return Message(
                "%(target)s is a file, and a folder is to be made. Name another place.",
                target=self.target,
            )
        if not self.replaces:
            return Message(
                "%(target)s is there already. Name another file, or have it replaced with --force.",
                target=self.target,
            )
        return None

    def _problem_of_folder(self, path: Path) -> Message | None:
        if not self.folder:
            return Message("%(target)s is a folder. Name a file in it.", target=self.target)
        if _is_empty(path):
            return None
        if not self.is_earlier(path):
            return Message(
                "%(target)s is a folder that holds other things than an earlier export. Name a "
                "new or an empty folder.",
                target=self.target,
            )
        if not self.replaces:
            return Message(
                "%(target)s holds an earlier export. Name another folder, or have it replaced "
                "with --force.",
                target=self.target,
            )
        return None


def reads_from(path: Path, inputs: Iterable[Path]) -> bool:
    """Whether an input is this very file (by link or spelling, too), or lies in this folder."""
    for source in inputs:
        if not source.exists():
            continue
        if path.exists() and path.samefile(source):
            return True
        if Path(os.path.realpath(source)).is_relative_to(path):
            return True
    return False


def remove_part(part: Path) -> None:
    """Remove a part, file or folder, if it is there."""
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


@contextmanager
def part_of(
    destination: Destination, unfinished: Callable[[Path], object] = remove_part
) -> Iterator[Path]:
    """The place to write to; it gets its name when the `with` ends well.

    `unfinished` is called with a part that will not, also one that a killed process left. Raises
    WrongInput where another process writes it, where the folder cannot be used, or where something
    is there that must stay; that is looked at before, and again at the end.
    """
    destination.check()
    target = destination.path
    part = target.with_name(target.name + PART)
    with _locked(part, destination) as is_left:
        _clear(part, is_left, unfinished)
        try:
            if destination.folder:
                part.mkdir(mode=0o700)
            yield part
            destination.check()
            _put_into_place(part, target, replaces=destination.replaces)
        finally:
            if os.path.lexists(part):
                unfinished(part)


def free_name(path: Path) -> Path:
    """This path, or where it is taken the first that is not: `NAME-2`, `NAME-3`, …"""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _clear(part: Path, is_left: bool, unfinished: Callable[[Path], object]) -> None:
    """What a killed process left goes; a file of somebody else's that has the name stays."""
    files = part.with_name(part.name + FILES_SUFFIX)
    for path in (part, files):
        if os.path.lexists(path) and not is_left:
            raise WrongInput(
                Message("%(path)s is in the way. Move it away, or name another file.", path=path)
            )
    if os.path.lexists(part):
        unfinished(part)
    remove_part(files)


@contextmanager
def _locked(part: Path, destination: Destination) -> Iterator[bool]:
    """Held by this process alone; whether a killed one had left the lock's file."""
    path = lock_path(part)
    is_left = path.exists()
    lock = _lock_or_problem(path, destination)
    os.ftruncate(lock.descriptor, 0)  # what a killed process noted there
    try:
        yield is_left
    finally:
        lock.release(delete=True)


def _lock_or_problem(path: Path, destination: Destination) -> FileLock:
    """Raises WrongInput where the folder cannot be written to, or another process has the lock."""
    try:
        lock = try_to_lock(path, WAIT_SECONDS)
    except OSError as exc:
        raise WrongInput(
            Message(
                "%(parent)s cannot be written to (%(reason)s). Name another place.",
                parent=path.parent,
                reason=exc.strerror,
            )
        ) from exc
    if lock is None:
        raise WrongInput(
            Message(
                "Another process is writing %(name)s at this moment. Wait, or name another file.",
                name=destination.target.name,
            )
        )
    return lock


def _put_into_place(part: Path, target: Path, *, replaces: bool) -> None:
    if part.is_dir():
        sync_tree(part)
        _put_folder(part, target)
    else:
        sync(part)
        _put_file(part, target, replaces)
    sync(target.parent)


def _put_file(part: Path, target: Path, replaces: bool) -> None:
    if not replaces:
        try:
            os.link(part, target)  # unlike a rename, over nothing that has come meanwhile
            part.unlink()
            return
        except FileExistsError as exc:
            raise WrongInput(
                Message("%(target)s has come up meanwhile. Name another file.", target=target)
            ) from exc
        except OSError:  # a disk that knows no links
            if os.path.lexists(target):
                raise
    os.replace(part, target)


def _put_folder(part: Path, target: Path) -> None:
    """An earlier export steps aside, and goes when the new one has its name."""
    if not target.is_dir() or _is_empty(target):
        os.rename(part, target)
        return
    aside = target.with_name(f".{target.name}.{secrets.token_hex(8)}.old")
    os.rename(target, aside)
    try:
        os.rename(part, target)
    except BaseException:
        os.rename(aside, target)
        raise
    sync(target.parent)
    shutil.rmtree(aside)


def sync_tree(folder: Path) -> None:
    """Have the disk hold a folder with all files and folders below."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def lock_path(part: Path) -> Path:
    """The lock file of a part file or folder."""
    return part.with_name(f".{part.name}.lock")


def is_lock(path: Path) -> bool:
    """Whether this is the lock file of a part file or folder."""
    return path.name.startswith(".") and path.name.endswith(f"{PART}.lock")


def clear_part(part: Path, *, folder: bool = False) -> None:
    """Take away what was written to the place so far, to begin again."""
    remove_part(part)
    if folder:
        part.mkdir(mode=0o700)


def write_version(part: Path, version: int) -> None:
    """Write into the lock file under which version of the register of removed posts it is read."""
    lock_path(part).write_text(f"{version}\n")


def parts_being_written(root: Path) -> dict[Path, int]:
    """The `.part` files and folders below that a living process writes, with the version that it
    noted; -1 where it has not yet. Judged by held locks alone; takes none away."""
    versions: dict[Path, int] = {}
    for lock in sorted(root.rglob(f".*{PART}.lock")):
        text = _text_if_locked(lock)
        if text is not None:
            part = lock.with_name(lock.name.removeprefix(".").removesuffix(".lock"))
            versions[part] = int(text) if text.strip().isdigit() else -1
    return versions


def _text_if_locked(lock: Path) -> str | None:
    try:
        return lock.read_bytes()[:64].decode("ascii", "replace") if is_locked(lock) else None
    except FileNotFoundError:
        return None
