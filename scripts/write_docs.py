"""Writes the pages of docs/ that are made from the code: settings, commands, data dictionary.

`make docs` runs it; a test fails while what it would write differs from what is there.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import click

from sfm.cli import COMMANDS, LazyCommand
from sfm.config import table
from sfm.exports import dictionary

DOCS = Path(__file__).resolve().parent.parent / "docs"

SETTINGS_HEAD = """# Settings

<!-- Made from sfm/config.py by `make docs`; edit there. -->

Put them into `local_settings.py` in the instance folder (`TWITTER_DIALECT = "tweet"`), or into the
environment with `SFM_` before the name, which wins. A secret is better named by a file that only
the system's user can read: `SFM_SECRET_KEY_FILE=/run/secrets/sfm`. `SFM_INSTANCE` moves the
instance folder itself (database, keys, data, logs). A value that cannot work stops the start and
says why.

| setting | default | what it is |
|---|---|---|
"""

COMMANDS_HEAD = """# Commands

<!-- Made from sfm/cli/ by `make docs`; edit there. -->

Type them in the project's folder with the virtual environment active: `flask --app app NAME`.
Underscores and hyphens are the same. Results go to standard output, all else to standard error.
Exit codes: 0 done, 1 failed, 2 wrong usage.
"""


def settings_page() -> str:
    rows = [SETTINGS_HEAD]
    for entry in table():
        about = entry.metadata
        text = f"{about['help']} {about['kind'].takes.capitalize()}."
        if about["unit"]:
            text += f" Unit: {about['unit']}."
        rows.append(f"| `{entry.name.upper()}` | {_default(entry)} | {text.replace('|', '/')} |\n")
    return "".join(rows)


def _default(entry: Any) -> str:
    value = entry.default
    if not isinstance(value, str | int | float | bool | tuple) or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def commands_page() -> str:
    return COMMANDS_HEAD + "".join(_command(name) for name in sorted(COMMANDS))


def _command(name: str) -> str:
    command = LazyCommand(name, COMMANDS[name]).real
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"\n## {name}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n"]
    options = [found for param in command.params if (found := param.get_help_record(context))]
    if options:
        parts.append("\n| option | meaning |\n|---|---|\n")
        parts += [f"| `{left}` | {right} |\n".replace("\b", "") for left, right in options]
    return "".join(parts)


PAGES = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "data-dictionary.md": dictionary.as_markdown,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
