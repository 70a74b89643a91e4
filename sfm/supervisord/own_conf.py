"""The main configuration of our own supervisord: pages, collectors, and a sandbox where wanted."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from string import Template

from sfm.atomic_file import write_whole
from sfm.config import WEB_THREADS, Settings
from sfm.errors import BadSetting
from sfm.messages import Message
from sfm.supervisord.owner import check_owner
from sfm.supervisord.paths import (
    PROJECT,
    Paths,
    make_folders,
    make_socket_folder,
    paths_of,
)

TEMPLATE = PROJECT / "supervisor" / "supervisord.conf"
WORKERS = 2
WEB_START_SECONDS = 10  # gunicorn tries for five to get its port
WEB_START_TRIES = 10


def write_main(settings: Settings, *, sandbox_port: int | None = None, web: bool = True) -> Path:
    """Write `run/supervisord.conf` of the instance and make the folders it names; its path.

    Raises BadSetting where a folder cannot be made, a path would not fit into the file, or the
    owner of the processes cannot use the installation.
    """
    place = paths_of(settings)
    check_owner(place)
    make_folders(place)
    make_socket_folder(place)
    programs = []
    if sandbox_port is not None:
        programs.append(sandbox_program(place, sandbox_port))
    if web:
        programs.append(web_program(place, str(settings.host), settings.port))
    target = place.run / "supervisord.conf"
    write_whole(target, render_main(place, programs))
    return target


def render_main(place: Paths, programs: Sequence[str]) -> str:
    """The text of the main configuration, out of the template in the project."""
    try:
        template = Template(TEMPLATE.read_text(encoding="utf-8"))
    except OSError as exc:
        raise BadSetting(
            str(TEMPLATE), Message("cannot be read (%(reason)s)", reason=exc.strerror)
        ) from exc
    text = template.substitute(
        project=place.project,
        run=place.run,
        logs=place.logs,
        socket=place.socket,
        # supervisord splits this line at blanks and knows no quotes, but it does know wildcards.
        conf=str(place.conf).replace(" ", "?"),
        user=f"user={pwd.getpwuid(0).pw_name}\n" if os.geteuid() == 0 else "",
        programs="\n".join(programs),
    )
    heading = f"; Written by Social Feed Manager out of {TEMPLATE}.\n\n"
    return heading + text[text.index("[unix_http_server]") :]


def web_program(place: Paths, host: str, port: int) -> str:
    """gunicorn with the pages. Threads, so that a long download does not hold up a worker."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = (
        f'"{place.python}" -m gunicorn --config "{place.project}/gunicorn.conf.py" '
        f"--worker-class gthread --workers {WORKERS} "
        f"--threads {WEB_THREADS} --timeout 60 --graceful-timeout 30 --no-control-socket "
        f"--max-requests 10000 --max-requests-jitter 1000 --bind {address} wsgi:app"
    )
    return _program("web", command, place, priority=20, stop_seconds=35)


def sandbox_program(place: Paths, port: int) -> str:
    """The sandbox Twitter on a port of this machine."""
    command = f'"{place.python}" -m flask --app app sandbox --port {int(port)}'
    return _program("sandbox", command, place, priority=10, stop_seconds=10)


def _program(name: str, command: str, place: Paths, *, priority: int, stop_seconds: int) -> str:
    lines = [
        f"[program:{name}]",
        f"command={command}",
        f"directory={place.project}",
        f'environment=SFM_INSTANCE="{place.instance}",PYTHONUNBUFFERED="1"',
        f"priority={priority}",
        "autorestart=true",
        f"startsecs={WEB_START_SECONDS}",
        f"startretries={WEB_START_TRIES}",
        f"stopwaitsecs={stop_seconds}",
        "stopasgroup=true",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={place.logs}/{name}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
        "",
    ]
    return "\n".join(lines)
