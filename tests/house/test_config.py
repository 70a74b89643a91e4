"""Settings: where they come from, in which order, and how a wrong one stops the start."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfm.config import from_env
from sfm.errors import BadSetting

ROOT = Path(__file__).resolve().parents[2]


def test_environment_wins_over_local_settings_and_those_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "local_settings.py").write_text("PORT = 8100\nSAVE_INTERVAL_SECONDS = 60\n")
    found = from_env({"SFM_INSTANCE": str(tmp_path), "SFM_PORT": "8200"})
    assert (found.port, found.save_interval_seconds, found.log_level) == (8200, 60, "INFO")


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the-token\n")
    environ = {
        "SFM_INSTANCE": str(tmp_path),
        "SFM_TWITTER_BEARER_TOKEN_FILE": str(tmp_path / "token"),
    }
    found = from_env(environ)
    assert found.twitter_bearer_token == "the-token"
    assert "the-token" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("PORT", "eighty", "takes a whole number from 1 to 65535"),
        ("PORT", "70000", "takes a whole number from 1 to 65535"),
        ("TWITTER_API_ROOT", "api.x.com", "takes an http or https address"),
        ("TWITTER_DIALECT", "toot", "takes one of: tweet, post"),
        ("BRANDING", "[1]", "takes a dictionary"),
        ("LOG_LEVEL", "loud", "takes one of: DEBUG"),
        ("SCHEDULE_NAMES", "now and then", "“weekly sun 03:15” or the five fields of cron"),
        ("SCHEDULE_NAMES", "0 25 * * *", "“weekly sun 03:15” or the five fields of cron"),
        ("SECRET_KEY_FILE", "/nowhere/at/all", "cannot be read"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    tmp_path: Path, name: str, value: str, takes: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        from_env({"SFM_INSTANCE": str(tmp_path), f"SFM_{name}": value})
    assert refused.value.name == name
    assert takes in refused.value.message


def test_an_unknown_name_is_told_with_the_nearest_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        from_env({"SFM_INSTANCE": str(tmp_path), "SFM_TWITER_API_ROOT": "http://127.0.0.1:1"})
    assert "SFM_TWITER_API_ROOT nearest=SFM_TWITTER_API_ROOT" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"SFM_PORT": "eighty"}, "PORT: takes a whole number from 1 to 65535"),
        ({"SFM_DATA_DIR": "/proc/nowhere"}, "/proc/nowhere: the folder cannot be made"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence(
    instance_folder: Path, environ: dict[str, str], sentence: str
) -> None:
    done = start(instance_folder, environ)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_local_settings_file_with_a_mistake_stops_the_start(instance_folder: Path) -> None:
    (instance_folder / "local_settings.py").write_text("PORT = = 1\n")
    done = start(instance_folder, {})
    assert done.returncode == 2
    assert "local_settings.py: cannot be read" in done.stderr


@pytest.mark.slow
def test_a_command_before_the_tables_are_made_says_what_to_do(instance_folder: Path) -> None:
    done = start(instance_folder, {})
    assert (done.returncode, "make migrate" in done.stderr) == (1, True), done.stderr


def start(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SFM_INSTANCE": str(folder), **environ}
    command = [sys.executable, "-m", "flask", "--app", "app", "show_usage"]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("supervised", "code"), [("", 2), ("twitterfilter-1", 3)])
def test_an_instance_of_another_user_is_a_sentence(
    instance_folder: Path, supervised: str, code: int
) -> None:
    """S-6: a collector that supervisord runs as somebody else ended in a traceback, for ever."""
    (instance_folder / "local_settings.py").write_text("PORT = 8100\n")
    child = (
        "import os\n"
        "from sfm import clock, factory\n"
        "class Quick(clock.SystemClock):\n"
        "    def sleep(self, seconds): pass\n"
        "clock.use(Quick())\n"
        "os.seteuid(65534)\n"
        "factory.app_from_env(for_commands=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=False, cwd=ROOT,
        env={"SFM_INSTANCE": str(instance_folder), "SUPERVISOR_PROCESS_NAME": supervised},
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert "belongs to one user, who also has to run pages, commands and collectors" in done.stderr
