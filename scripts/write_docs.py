"""Writes the pages of docs/ that are made from the code: settings, commands, data dictionary, the
list of decisions, and in `architecture.md` the drawing of floors and imports.

`make docs` runs it; a test fails while what it would write differs from what is there.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

import click

from scripts.import_graph import ROOT, module_graph, package_graph, parsed_modules
from sfm.cli import COMMANDS, LazyCommand
from sfm.config import table
from sfm.exports.columns import dictionary
from sfm.twitter.fields import FIELDS, LEFT_OUT

DOCS = ROOT / "docs"
DRAWING_BEGINS = "<!-- Made from the imports of sfm/ by `make docs`; edit nothing from here -->\n"
DRAWING_ENDS = "\n<!-- to here. -->\n"
FEATURE_FLOOR = 2

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

FIELDS_HEAD = """# What is asked for of each post

<!-- Made from sfm/twitter/fields.py by `make docs`; edit there. -->

X gives of a post only what a call names. What is not asked for is gone when the post is deleted,
so everything that X's own description names (OpenAPI 2.166 and 2.167) is asked for, or stands
below with the reason why not. `TWITTER_DIALECT` chooses the words; a test holds both lists
against the description.
"""

DECISIONS_HEAD = """# Decisions

<!-- The table is made from the pages beside it by `make docs`. -->

A choice that outlives the week gets a page here. Pages are numbered without holes: the next one
takes the next free number, and of two that were written at the same time the later one to land is
renamed. A page that no longer holds stays, and its status names the page that replaces it.
Every page has these headings, in this order:

```markdown
# 0000: What was decided, in one line

## Status

Accepted, 2026-01-31.

## Context

What had to be decided, and what it has to serve.

## Decision

What we do, and where it stands in the code.

## Alternatives weighed

Each with the figures or the property that spoke against it.

## Consequences

What follows from it, the unwelcome parts too.
```

| number | decision | status |
|---|---|---|
"""


def settings_page() -> str:
    rows = [SETTINGS_HEAD]
    for entry in table():
        about = entry.metadata
        takes = about["kind"].takes
        text = f"{about['help']} {takes[:1].upper()}{takes[1:]}."
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
    options = [record for param in command.params if (record := param.get_help_record(context))]
    if options:
        parts.append("\n| option | meaning |\n|---|---|\n")
        parts += [f"| `{left}` | {right} |\n".replace("\b", "") for left, right in options]
    return "".join(parts)


def fields_page() -> str:
    parts = [FIELDS_HEAD]
    for dialect, fields in FIELDS.items():
        parts.append(
            f'\n## With `TWITTER_DIALECT = "{dialect}"`\n\n| parameter | names |\n|---|---|\n'
        )
        parts += [
            f"| `{parameter}` | {names.replace(',', ', ')} |\n"
            for parameter, names in fields.items()
        ]
    parts.append("\n## Left out\n\n| parameter | name | why |\n|---|---|---|\n")
    parts += [
        f"| `{parameter}` | {name} | {reason} |\n"
        for parameter, reasons in LEFT_OUT.items()
        for name, reason in sorted(reasons.items())
    ]
    return "".join(parts)


def decisions_page() -> str:
    rows = [DECISIONS_HEAD]
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        page = path.read_text(encoding="utf-8")
        number, _, title = page.splitlines()[0].removeprefix("# ").partition(": ")
        status = page.partition("## Status\n\n")[2].splitlines()[0]
        rows.append(f"| [{number}]({path.name}) | {title} | {status.rstrip('.')} |\n")
    return "".join(rows)


def architecture_page() -> str:
    """The page as it is, with the part between its two marks drawn anew."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(DRAWING_BEGINS)
    return before + DRAWING_BEGINS + drawing() + DRAWING_ENDS + rest.partition(DRAWING_ENDS)[2]


def drawing() -> str:
    """Floors with their packages, imports across a floor as arrows, and all imports as a table."""
    floors = floor_table()
    packages = package_graph(module_graph(parsed_modules()))
    floor_of = {name: floors.get(name, FEATURE_FLOOR) for name in packages}
    lines = ["\n```mermaid\nflowchart TD\n"]
    for floor in sorted(set(floor_of.values()), reverse=True):
        names = [name for name in packages if floor_of[name] == floor]
        lines.append(f'  subgraph floor{floor}["Floor {floor}"]\n')
        lines += [f"    {name}\n" for name in names]
        for name in names:
            level = sorted(other for other in packages[name] if floor_of[other] == floor)
            lines += [f"    {name} --> {other}\n" for other in level]
        lines.append("  end\n")
    highest = max(floor_of.values())
    lines += [f"  floor{floor} --> floor{floor - 1}\n" for floor in range(highest, 0, -1)]
    lines.append("```\n\n| floor | package or module | imports |\n|---|---|---|\n")
    for name in sorted(packages, key=lambda name: (-floor_of[name], name)):
        imported = " ".join(f"`{other}`" for other in sorted(packages[name]))
        lines.append(f"| {floor_of[name]} | `{name}` | {imported} |\n")
    return "".join(lines)


def floor_table() -> dict[str, int]:
    """The floors as the test of imports has them; what is not named there is a feature."""
    test = (ROOT / "tests/architecture/test_imports.py").read_text(encoding="utf-8")
    for node in ast.parse(test).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOOR":
            floors: dict[str, int] = ast.literal_eval(node.value)
            return floors
    raise LookupError("tests/architecture/test_imports.py has no table FLOOR")


PAGES = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "data-dictionary.md": dictionary.as_markdown,
    "decisions/README.md": decisions_page,
    "requested-fields.md": fields_page,
    "architecture.md": architecture_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
