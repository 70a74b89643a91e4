"""Nothing in sfm/ is there for tests alone: every function and class is used by the software."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[2]
# What looks for uses: tests do not.
READ = ["sfm", "scripts", "bench", "migrations", "app.py", "wsgi.py"]
# Frameworks call what these decorate.
REGISTERING = [
    "@bp.*", "@click.*", "@listens_for", "@event.listens_for", "@*.listens_for", "@validates",
    "@api.*", "@*.before_request", "@*.before_app_request", "@*.after_request",
    "@*.app_template_filter", "@*.app_template_global", "@*.teardown_request",
]  # fmt: skip
# Names that a library calls, and what each is for.
ALLOWED = {
    "connection_made": "asyncio.Protocol calls it",
    "data_received": "asyncio.Protocol calls it",
    "connection_lost": "asyncio.Protocol calls it",
    "handle_starttag": "HTMLParser calls it",
    "handle_endtag": "HTMLParser calls it",
    "handle_data": "HTMLParser calls it",
    "process_bind_param": "SQLAlchemy's TypeDecorator calls it",
    "process_result_value": "SQLAlchemy's TypeDecorator calls it",
    "get_short_help_str": "click calls it for the list of commands",
    "log_message": "http.server calls it",
    "handle_error": "socketserver calls it",
    "make_connection": "xmlrpc's Transport calls it",
    "missing_fields": "called by hand, see docs/twitter-adapter.md",
    "close_connections": "called by hand, see docs/twitter-adapter.md",
    **dict.fromkeys(
        ["_disconnect", "_eof", "_fin", "_rst", "_stall", "_keep_alives_only", "_garbage"]
        + ["_huge_line", "_replay", "_duplicates", "_split", "_no_tags"],
        "the sandbox calls them by the name of a fault",
    ),
}


@cache
def words_in_strings_and_templates() -> frozenset[str]:
    """Names may stand in texts: dotted places of jobs, attributes that templates read."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in ("sfm/templates", "sfm/sandbox/templates")
        for path in (ROOT / folder).rglob("*.html")
    ]
    for path in (ROOT / "sfm").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        sentences = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings use nothing
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in sentences
        ]
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def test_everything_is_used_by_the_software() -> None:
    reader = Vulture(ignore_names=list(ALLOWED), ignore_decorators=REGISTERING)
    reader.scavenge([str(ROOT / name) for name in READ])
    unused = [
        f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno} {item.typ} {item.name}"
        for item in reader.get_unused_code(min_confidence=60)
        if item.typ in {"function", "class", "method", "property"}
        and Path(item.filename).is_relative_to(ROOT / "sfm")
        and item.name not in words_in_strings_and_templates()
    ]
    listed = "\n".join(unused)
    assert not unused, f"remove it, or move it to the tests that call it:\n{listed}"
