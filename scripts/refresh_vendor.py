"""Fetch the browser libraries that we vendor, with their licences.

Takes each from its npm package with `npm pack`, so the registry is whichever npm is set to use.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "sfm" / "static" / "vendor"
PACKAGES = {
    # Pinned: npm's `latest` is a major version that our templates are not written for.
    "htmx.org@2.0.11": {"package/dist/htmx.min.js": "htmx.min.js", "package/LICENSE": "LICENSE"},
}


def refresh(package: str, members: dict[str, str]) -> None:
    """Put these members of one package into `vendor/<name>@<version>/`."""
    folder = VENDOR / package
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to fetch packages")
    with tempfile.TemporaryDirectory() as room:
        subprocess.run([npm, "pack", "--silent", package], cwd=room, check=True)
        with tarfile.open(next(Path(room).glob("*.tgz"))) as archive:
            for inside, name in members.items():
                member = archive.extractfile(inside)
                if member is None:
                    raise SystemExit(f"{package} has no {inside}")
                (folder / name).write_bytes(member.read())


if __name__ == "__main__":
    for package, files in PACKAGES.items():
        refresh(package, files)
