"""The floors: imports go down, and each kind of trouble has its own few doors."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.source import nodes_of, parsed_modules

ROOT = Path(__file__).resolve().parents[2]
SFM = ROOT / "sfm"

FLOOR = {
    "__version__": 0, "messages": 0, "errors": 0, "clock": 0, "config": 0,
    "config_types": 0, "cron": 0, "instance": 0, "database": 0, "extensions": 0, "atomic_file": 0,
    "file_lock": 0, "page_token": 0,
    "networks": 0, "adapters": 1, "models": 1, "audit": 1, "twitter": 1, "supervisord": 1,
    "sandbox": 1, "web": 3, "cli": 3, "jobs": 3, "factory": 4,
}  # fmt: skip
# Anything else is a feature: floor 2.

ACROSS = {
    ("cli", "jobs"),  # the command `work` carries out what pages have asked for
    ("audit", "models"),  # every feature records what people did; docs/decisions/0007 says why here
    ("adapters", "twitter"),
    ("errors", "messages"),
    ("database", "clock"),  # how often an outage is logged
    ("database", "messages"),
    ("instance", "messages"),
    ("networks", "messages"),
    ("config", "errors"),
    ("config", "messages"),
    ("networks", "errors"),
    ("config", "config_types"),
    ("file_lock", "clock"),
    ("config_types", "cron"),
    ("config_types", "errors"),
    ("instance", "config"),
    ("instance", "errors"),
    ("instance", "atomic_file"),
    ("extensions", "config"),
    ("atomic_file", "errors"),
    ("atomic_file", "file_lock"),
    ("atomic_file", "messages"),
    ("timelines", "accounts"),
    ("timelines", "posts"),
    ("timelines", "runs"),
    ("accounts", "runs"),
    ("posts", "runs"),  # an import is a run: shown, cancelled and gone on with like others
    ("links", "posts"),
    ("links", "runs"),
    ("filters", "accounts"),
    ("filters", "users"),
    ("users", "runs"),  # a call for which a run waits hears that the process is to end
    ("streams", "filters"),
    ("streams", "runs"),
    ("exports", "posts"),
    ("exports", "accounts"),
    ("exports", "runs"),  # large ones are made in the background
    ("exports", "streams"),  # what is missing in what a stream brought, a package says as its page
    ("takedown", "posts"),  # what has to be deleted is deleted from every store at once
    ("takedown", "streams"),
    ("takedown", "exports"),
    ("takedown", "runs"),  # for its short transactions
    ("takedown", "removals"),
    ("posts", "removals"),  # whoever takes posts in or gives them out leaves removed ones out
    ("streams", "removals"),
    ("exports", "removals"),
}


def room(path: Path) -> str:
    return path.relative_to(SFM).with_suffix("").parts[0]


def imported(tree: ast.Module) -> Iterator[str]:
    """Top names of what is imported from sfm, also inside functions."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("sfm."):
                    yield "import " + alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor"
            if node.module == "sfm":
                yield from (alias.name for alias in node.names)
            elif node.module and node.module.startswith("sfm."):
                yield node.module.split(".")[1]


def wrong_imports() -> list[str]:
    wrong = []
    for path, tree in parsed_modules().items():
        here = room(path)
        if here == "__init__":
            wrong += [f"{path.name}: {there}" for there in imported(tree)]
            continue
        for there in imported(tree):
            up = FLOOR.get(there, 2) - FLOOR.get(here, 2)
            level_but_unlisted = up == 0 and (here, there) not in ACROSS
            if there.startswith("import ") or (here != there and (up > 0 or level_but_unlisted)):
                wrong.append(f"{path.relative_to(ROOT)}: sfm.{there}")
    return wrong


def test_imports_go_down() -> None:
    assert not wrong_imports()


# Whoever else needs something of X adds it to sfm/networks/adapter.py, which all networks keep.
KNOW_X = {
    "adapters.py": "names the network that is collected",
    "users/clients.py": "makes clients out of credentials: here X's kinds of token are known",
    "users/token_refresh.py": "renews tokens of X's OAuth 2.0",
    "users/twitter_sign_in.py": "signs people in with X",
    "exports/writers/output.py": "writes the form of X's API v1.1, an export of its own",
    "web/pages/post_text.py": "shows the text of a post as X's displays ask for",
    "web/pages/posts.py": "shows the text of a post as X's displays ask for",
}


def test_few_modules_know_x() -> None:
    importing = {
        path.relative_to(SFM).as_posix()
        for path, tree in parsed_modules().items()
        if room(path) not in {"twitter", "sandbox"} and "twitter" in imported(tree)
    }
    assert importing == set(KNOW_X)


def test_the_sandbox_imports_nothing_of_ours() -> None:
    found = [
        f"{path.name}: {there}"
        for path, tree in parsed_modules().items()
        if room(path) == "sandbox"
        for there in imported(tree)
        if there != "sandbox"
    ]
    assert not found


def names_used_from(tree: ast.Module, module: str) -> set[str]:
    return {
        alias.name
        for node in nodes_of(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def test_only_pages_know_the_request() -> None:
    page_things = {"request", "session", "render_template", "flash", "g", "url_for", "redirect"}
    wrong = []
    for path, tree in parsed_modules().items():
        if room(path) in {"web", "sandbox"}:
            continue
        found = names_used_from(tree, "flask") & page_things
        found |= names_used_from(tree, "flask_login") & {"current_user", "login_required"}
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(found)]
    assert not wrong


def module_imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


DOORS = {
    "fcntl": {"file_lock.py"},
    "socket": {"twitter", "supervisord", "sandbox", "links/fetch.py", "links/ssrf_guard.py"},
    "requests": {"twitter"},
    "aiohttp": {"links"},
    "urllib3": {"twitter"},
    "subprocess": {"supervisord", "exports/worker_process.py", "jobs/run_process.py"},
    "multiprocessing": set(),
}


def test_sockets_and_processes_have_few_doors() -> None:
    wrong = []
    for path, tree in parsed_modules().items():
        relative = path.relative_to(SFM).as_posix()
        for name in module_imports(tree) & set(DOORS):
            if not any(relative.startswith(door) for door in DOORS[name]):
                wrong.append(f"sfm/{relative}: {name}")
    assert not wrong


def test_one_clock() -> None:
    forbidden = {
        ("time", "sleep"),
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("time", "time"),
        ("date", "today"),
    }
    wrong = []
    for path, tree in parsed_modules().items():
        if room(path) in {"clock", "sandbox"}:
            continue
        for node in nodes_of(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and (node.value.id, node.attr) in forbidden
            ):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value.id}.{node.attr}")
    assert not wrong


def test_the_environment_has_one_reader() -> None:
    wrong = []
    for path, tree in parsed_modules().items():
        if room(path) in {"config", "sandbox"}:
            continue
        for node in nodes_of(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong


def test_features_own_their_queries() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in parsed_modules().items()
        if room(path) in {"web", "cli"}
        for node in nodes_of(tree)
        if isinstance(node, ast.Call)
        and (
            getattr(node.func, "id", None) == "select"
            or getattr(node.func, "attr", None) in {"select", "query"}
        )
    ]
    assert not wrong, "put the query into the feature's own queries.py"


def test_supervisor_is_not_a_package() -> None:
    assert not (ROOT / "supervisor" / "__init__.py").exists(), "it would hide the PyPI package"


def test_importing_app_starts_no_thread(instance_folder: Path) -> None:
    code = "import threading, app; print(threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"SFM_INSTANCE": str(instance_folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
