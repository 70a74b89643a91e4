"""Posts to export, texts that break files, and ways to read files back."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from sfm.exports.request import About

HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(1+1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "'=1",
    "''=1",
    "'quoted'",
    '=HYPERLINK("http://example.org","click")',
    "=cmd|' /C calc'!A0",
    'say "hello", she said',
    '"',
    '""',
    "a,b;c\td|e",
    "one\r\ntwo\nthree\rfour",
    "line\u2028paragraph\u2029next\x85",
    "tab\tvertical\vform\f",
    "naïve café 日本語 العربية עברית",
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301",
    "\u202eright to left\u202c",
    "\ufeffmark inside",
    "null? NaN inf None TRUE",
    "0123456789012345678",
    "1e5",
    "2011-01-01",
    "<b>&amp;</b> ]]> <!--",
    "_x0041_ and _x000D_",
    "ends with blank ",
    " begins with one",
    "\\N \\n \\",
    "https://example.org/?a=1&b=2#c",
    "mailto:a@example.org",
)

ABOUT = About(asked_by="ada", institution="The Library", address="https://library.example.org")


@pytest.fixture
def about() -> About:
    return ABOUT


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def target_folder(app: Flask, tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def spreadsheet(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Turns a file into CSV by LibreOffice, each cell as it stands in the sheet."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not installed here (Debian: libreoffice-calc-nogui)")
    profile = tmp_path_factory.mktemp("office")
    out = tmp_path_factory.mktemp("converted")

    def convert(path: Path, *, filter_in: str = "") -> Path:
        how = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
        command = [program, "--headless", f"-env:UserInstallation=file://{profile}"]
        if filter_in:
            command.append(f"--infilter={filter_in}")
        done = subprocess.run(
            [*command, "--convert-to", how, "--outdir", str(out), str(path)],
            capture_output=True,
            timeout=100,
            check=True,
        )
        found = out / f"{path.stem}.csv"
        assert found.is_file(), done.stdout + done.stderr
        return found

    return convert
