"""Settings: one table of name, default, unit and help; the only reader of the environment.

Order: the default, then `local_settings.py` in the instance folder, then `SFM_<NAME>` in the
environment (or the file that `SFM_<NAME>_FILE` names). A value that cannot work stops the start.
"""

from __future__ import annotations

import difflib
import logging
import os
import runpy
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from sfm.config_types import (
    ADDRESS,
    BOOLEAN,
    FOLDER,
    IP_ADDRESS,
    OBJECT,
    OPTIONAL_ADDRESS,
    SCHEDULE,
    TEXT,
    WORDS,
    one_of,
    option,
    read,
    some_of,
    whole,
)
from sfm.errors import BadSetting
from sfm.messages import Message

logger = logging.getLogger(__name__)

PREFIX = "SFM_"
WEB_THREADS = 8  # of one web process
RUNS_AT_ONCE = 3  # in one web process
SCHEDULER_THREADS = 2  # that queue what is due
OUTSIDE_THE_TABLE = {"SFM_INSTANCE", "SFM_SHARED_DATA", "SFM_TEST_POSTGRES", "SFM_CHROMIUM"}


@dataclass(frozen=True)
class Settings:
    """Every setting. The folder `instance` holds what belongs to one installation."""

    instance: Path = field(default=Path("instance"), metadata={})

    # Where things are.
    database_url: str = option(
        "",
        TEXT,
        "Where the database is; empty: an SQLite file in the instance folder.",
        secret=True,
    )
    data_dir: Path | None = option(
        None, FOLDER, "Where stream files and exports are kept; empty: `data` in the instance."
    )
    host: str = option(
        "127.0.0.1",
        IP_ADDRESS,
        "Address that `make run` serves the pages on; 0.0.0.0 lets other machines in.",
    )
    port: int = option(8000, whole(1, 65535), "Port that `make run` serves the pages on.")
    log_level: str = option(
        "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "How much the log says."
    )

    # Twitter (X).
    twitter_api_root: str = option(
        "https://api.x.com", ADDRESS, "Where the X API is; the sandbox or a proxy may stand in."
    )
    twitter_bearer_token: str = option(
        "", TEXT, "App bearer token for look-ups and timelines.", secret=True
    )
    twitter_consumer_key: str = option("", TEXT, "The app's OAuth 1.0a consumer key.")
    twitter_consumer_secret: str = option(
        "", TEXT, "The app's OAuth 1.0a consumer secret.", secret=True
    )
    twitter_client_id: str = option("", TEXT, "The app's OAuth 2.0 client ID.")
    twitter_client_secret: str = option(
        "", TEXT, "The app's OAuth 2.0 client secret; empty for a public client.", secret=True
    )
    twitter_sign_in: tuple[str, ...] = option(
        (),
        some_of("oauth1", "oauth2"),
        "How people may sign in with Twitter: OAuth 1.0a, OAuth 2.0, both, or not at all.",
    )
    twitter_entry: tuple[str, ...] = option(
        ("approval",),
        WORDS,
        "Who new may enter by Twitter: nobody, approval (an administrator lets them in), anyone, "
        "or the handles of those who may.",
    )
    twitter_web_root: str = option(
        "",
        OPTIONAL_ADDRESS,
        "Where people are sent to sign in; empty: TWITTER_API_ROOT without its leading “api.”.",
    )
    twitter_default_username: str = option(
        "", TEXT, "The User whose credentials serve timelines, look-ups and streamsample."
    )
    twitter_dialect: str = option(
        "tweet", one_of("tweet", "post"), "Which of X's two vocabularies requests are made in."
    )

    # Timelines.
    timeline_threads: int = option(
        4, whole(1, 32), "How many accounts a timeline run asks for at the same time."
    )
    quiet_after_days: int = option(
        90,
        whole(1, 3650),
        "An account with no new post for so long is asked less often.",
        unit="days",
    )
    quiet_every_hours: int = option(
        24, whole(0, 24 * 365), "How often such a quiet account is asked.", unit="hours"
    )

    # Jobs.
    scheduler: bool = option(
        True, BOOLEAN, "Whether the web processes carry out jobs; off: call the commands by cron."
    )
    schedule_timelines: str = option("every 6 h", SCHEDULE, "When new posts are collected.")
    schedule_names: str = option("weekly sun 03:15", SCHEDULE, "When names are looked up.")
    schedule_credentials: str = option(
        "daily 04:15", SCHEDULE, "When the kept credentials are checked."
    )
    schedule_links: str = option(
        "daily 02:15", SCHEDULE, "When the links of new posts are followed."
    )
    schedule_organize: str = option(
        "every 1 h", SCHEDULE, "When finished stream files are moved into their folders."
    )
    schedule_reconcile: str = option(
        "every 30 s", SCHEDULE, "When supervisord is compared with the filters that are wanted."
    )
    schedule_counts: str = option(
        "daily 04:45", SCHEDULE, "When the counts beside the posts are checked."
    )
    schedule_exports: str = option(
        "every 1 h", SCHEDULE, "When exports that are due again are made and old ones removed."
    )

    # Links.
    links_at_once: int = option(
        100, whole(1, 400), "How many links are followed at the same time, on many hosts."
    )
    links_titles: bool = option(
        False,
        BOOLEAN,
        "Whether the title of the page that a link leads to, and its own word for its address, are "
        "read and kept.",
    )

    # Pages.
    secret_key: str = option(
        "", TEXT, "Signs sessions; empty: a key file made in the instance folder.", secret=True
    )
    secret_key_fallbacks: tuple[str, ...] = option(
        (),
        WORDS,
        "Older secret keys whose sessions still hold, while a new one is brought in.",
        secret=True,
    )
    credential_keys: tuple[str, ...] = option(
        (),
        WORDS,
        "Fernet keys that encrypt kept tokens, newest first; empty: a key file made in the "
        "instance folder.",
        secret=True,
    )
    branding: dict[str, Any] = option(
        {}, OBJECT, "Your institution: keys institution, url, address, email, logo."
    )
    https: bool = option(
        False, BOOLEAN, "Readers come over HTTPS: cookies are sent over nothing else."
    )
    proxy_hops: int = option(
        0, whole(0, 5), "Reverse proxies before the pages; each must pass the Host line on."
    )
    trusted_hosts: tuple[str, ...] = option(
        ("localhost", "127.0.0.1", "[::1]"), WORDS, "Host names that the pages answer to."
    )

    # Streams.
    save_interval_seconds: int = option(
        900, whole(10, 86_400), "How often a stream goes on in a new file.", unit="seconds"
    )
    share_stream_connections: bool = option(
        False,
        BOOLEAN,
        "One connection for all active filters of one credential. X gives most apps a single "
        "stream connection: turn this on to run several filters with one app.",
    )
    filters_managed_by: str = option(
        "owners",
        one_of("owners", "administrators"),
        "Who adds, changes and deletes filters and spends credits on them: everybody their own, or "
        "administrators only.",
    )
    stream_silence_seconds: int = option(
        30,
        whole(1, 600),
        "How long a stream may say nothing before it is taken for dead; X says something at least "
        "every 20 seconds.",
        unit="seconds",
    )
    supervisor_process_owner: str = option(
        "",
        TEXT,
        "The system user that stream processes run as, who has to be the one that the pages run "
        "as; empty: the user that supervisord runs as.",
        older_name="SUPERVISOR_PROCESS_USER",
    )
    supervisor_unix_socket_file: Path | None = option(
        None,
        FOLDER,
        "The socket of supervisord; empty: our own, `run/supervisor.sock` in the instance.",
    )
    supervisor_conf_dir: Path | None = option(
        None,
        FOLDER,
        "Where configuration of stream processes is written; empty: `supervisor/conf.d` of the "
        "project, or `conf.d` in an instance folder that is elsewhere.",
    )
    supervisor_log_dir: Path | None = option(
        None,
        FOLDER,
        "Where stream processes log (`/var/log/sfm` with the system's supervisord); empty: `logs` "
        "in the instance.",
    )

    # Exports.
    export_keep_days: int = option(
        30, whole(1, 3650), "How long a finished export is kept for download.", unit="days"
    )
    export_rows_at_once: int = option(
        5_000,
        whole(0, 100_000),
        "Exports of up to so many posts are made while the reader waits; larger ones in the "
        "background.",
    )
    export_min_free_mb: int = option(
        500,
        whole(0, 1_000_000),
        "Room on the disk that exports leave free.",
        unit="megabytes",
    )
    export_daily_rows: int = option(
        0,
        whole(0, 1_000_000_000),
        "Whole posts (not ids alone) that a person may export in a UTC day before a superuser "
        "must agree; 0: no limit.",
    )

    @property
    def database_threads(self) -> int:
        """How many threads of one process may use the database at the same time: those of pages,
        of runs with their heartbeats, of the scheduler, and of a timeline run."""
        return WEB_THREADS + 2 * RUNS_AT_ONCE + SCHEDULER_THREADS + self.timeline_threads

    @property
    def database(self) -> str:
        """The database's address; psycopg 3 where it only says postgresql."""
        if not self.database_url:
            return f"sqlite:///{(self.instance / 'sfm.sqlite3').resolve()}"
        for plain in ("postgres://", "postgresql://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    @property
    def web_root(self) -> str:
        """Where Twitter shows pages to people: x.com beside api.x.com."""
        return self.twitter_web_root or self.twitter_api_root.replace("://api.", "://", 1)

    @property
    def data_folder(self) -> Path:
        """Where stream files and exports are kept."""
        return self.data_dir or self.instance / "data"


def supervised_as(environ: Mapping[str, str] | None = None) -> str:
    """The name under which supervisord runs this process; "" where nobody supervises it.

    Source: supervisor, "Subprocess Environment": it sets SUPERVISOR_PROCESS_NAME.
    """
    return (os.environ if environ is None else environ).get("SUPERVISOR_PROCESS_NAME", "")


def table() -> list[Field[Any]]:
    """The settings a sysadmin can give, in the order of the help page."""
    return [entry for entry in fields(Settings) if entry.metadata]


def from_env(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this installation. Raises BadSetting with the name and what it takes."""
    environ = os.environ if environ is None else environ
    instance = Path(environ.get("SFM_INSTANCE") or "instance").expanduser().absolute()
    local = _local_settings(instance / "local_settings.py")
    values: dict[str, Any] = {}
    for entry in table():
        name = entry.name.upper()
        given = _given(name, local, environ)
        if given is None and entry.metadata["older_name"]:
            given = _given(entry.metadata["older_name"], local, environ)
        if given is not None:
            values[entry.name] = read(name, entry.metadata["kind"], given)
    _warn_of_unknown(environ)
    return Settings(instance=instance, **values)


def _given(name: str, local: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    path = environ.get(f"{PREFIX}{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise BadSetting(name + "_FILE", _unreadable(exc.strerror)) from exc
    value = environ.get(PREFIX + name)
    return value if value not in (None, "") else local.get(name)


def _local_settings(path: Path) -> dict[str, Any]:
    try:
        return runpy.run_path(str(path)) if path.is_file() else {}
    except PermissionError as exc:
        raise BadSetting(str(exc.filename or path), _not_ours(path)) from exc
    except Exception as exc:  # the file is the sysadmin's own program: any error may come
        raise BadSetting(str(path), _unreadable(exc)) from exc


def _unreadable(reason: object) -> Message:
    return Message("cannot be read (%(reason)s)", reason=reason)


def _not_ours(path: Path) -> Message:
    """What to do where another user's instance is used."""
    return Message(
        "cannot be read by the user with the number %(uid)s, who runs this process; %(folder)s "
        "belongs to one user, who also has to run pages, commands and collectors",
        uid=os.geteuid(),
        folder=path.parent,
    )


def _warn_of_unknown(environ: Mapping[str, str]) -> None:
    known = {PREFIX + entry.name.upper() for entry in table()} | OUTSIDE_THE_TABLE
    known |= {PREFIX + entry.metadata["older_name"] for entry in table()}
    for name in environ:
        if name.startswith(PREFIX) and name.removesuffix("_FILE") not in known:
            close = difflib.get_close_matches(name, known, n=1)
            logger.warning("unknown setting name=%s nearest=%s", name, close[0] if close else "-")
