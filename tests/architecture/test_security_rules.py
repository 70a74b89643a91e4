"""The project's own rules of safe code, held against every module; bandit runs in `make check`.

S-numbers: docs/security.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from tests.source import SFM, nodes_of, parsed_modules

# Where a rule does not hold, and why.
ALLOWED: dict[str, set[str]] = {
    "sql from pieces": {
        "database.py",  # PRAGMA and BEGIN with words of our own
        "posts/bulk_sql.py",  # names of our own tables and columns, a number of our own
        "exports/readers/stream_files.py",  # PRAGMA with words of our own
    },
    "unescaped markup": {"web/pages/post_text.py"},  # joins pieces that it has escaped one by one
    "sends files": {
        "web/pages/exports.py",
        "web/pages/stream_files.py",
    },  # both check the real path first
    "weak hashes": {"sandbox/oauth1.py"},  # HMAC-SHA1 is what OAuth 1.0a prescribes
    "processes": {"cli/serving.py", "supervisord/daemon.py"},
}


def called(node: ast.AST) -> str:
    """The dotted name of what is called; empty for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def is_pieced_together(node: ast.AST) -> bool:
    """A text made at run time: f-string with a value in it, %, + or .format()."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod | ast.Add)
    return called(node).endswith(".format")


def sql_from_pieces(node: ast.AST) -> bool:
    """S40."""
    name = called(node).split(".")[-1]
    if name not in {"text", "literal_column", "execute", "exec_driver_sql", "executescript"}:
        return False
    assert isinstance(node, ast.Call)
    return bool(node.args) and is_pieced_together(node.args[0])


def unescaped_markup(node: ast.AST) -> bool:
    """S19: markup of our own is a fixed text; what is put into it by `.format` is escaped."""
    name = called(node).split(".")[-1]
    if name == "Markup":
        assert isinstance(node, ast.Call)
        return not (node.args and isinstance(node.args[0], ast.Constant))
    return name in {"render_template_string", "from_string"}


def stored_objects(node: ast.AST) -> bool:
    """S44: nothing that runs code when it is read."""
    name = called(node)
    return name.split(".")[0] in {"pickle", "marshal", "shelve", "dill"} or name in {
        "yaml.load",
        "eval",
        "exec",
        "compile",
    }


def imports_of_stored_objects(node: ast.AST) -> bool:
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    return any(name.split(".")[0] in {"pickle", "marshal", "shelve", "dill"} for name in names)


def a_shell(node: ast.AST) -> bool:
    """S48."""
    name = called(node)
    if name in {"os.system", "os.popen", "commands.getoutput"}:
        return True
    if not name.startswith("subprocess.") or not isinstance(node, ast.Call):
        return False
    by_shell = [one.value for one in node.keywords if one.arg == "shell"]
    return bool(by_shell) or not node.args or is_pieced_together(node.args[0])


def unverified_tls(node: ast.AST) -> bool:
    """ST20, UX12."""
    if not isinstance(node, ast.keyword):
        return called(node).endswith("_create_unverified_context")
    switch = node.arg in {"verify", "verify_ssl", "ssl", "check_hostname"}
    return switch and isinstance(node.value, ast.Constant) and node.value.value is False


def weak_hashes(node: ast.AST) -> bool:
    return called(node) in {"hashlib.md5", "hashlib.sha1"}


def sends_files(node: ast.AST) -> bool:
    """S35."""
    return called(node).split(".")[-1] in {"send_file", "send_from_directory"}


def whole_forms(node: ast.AST) -> bool:
    """S41: `**request.form`, `populate_obj`, `setattr(x, name_from_outside, …)`."""
    if called(node).endswith(".populate_obj"):
        return True
    if not isinstance(node, ast.Call) or called(node) == "url_for":
        return False
    spread = [ast.unparse(one.value) for one in node.keywords if one.arg is None]
    return any("request." in one for one in spread)


def redirects_elsewhere(node: ast.AST) -> bool:
    """S10: where to go next never comes straight from the request."""
    if called(node).split(".")[-1] not in {"redirect", "done"} or not isinstance(node, ast.Call):
        return False
    if not node.args or called(node.args[0]) in {"url_for", "safe_next"}:
        return False
    source = r"request\.(args|form|values|referrer|headers)|current_url"
    return bool(re.search(source, ast.unparse(node.args[0])))


def loose_file_modes(node: ast.AST) -> bool:
    """S36: no mode that lets others read or write."""
    if called(node).split(".")[-1] not in {"open", "mkdir", "makedirs", "chmod", "fchmod"}:
        return False
    assert isinstance(node, ast.Call)
    values = [*node.args[1:], *(one.value for one in node.keywords if one.arg == "mode")]
    return any(
        isinstance(value, ast.Constant) and type(value.value) is int and value.value & 0o077
        for value in values
    )


def predictable_names(node: ast.AST) -> bool:
    return called(node) == "tempfile.mktemp"


def weak_randomness(node: ast.AST) -> bool:
    """Tokens come from `secrets`; `random` is for choices that nobody gains by guessing."""
    return called(node) in {"random.random", "random.choice", "random.randbytes", "uuid.uuid1"}


def debugging(node: ast.AST) -> bool:
    """S37."""
    if called(node) == "breakpoint":
        return True
    return (
        isinstance(node, ast.keyword)
        and node.arg in {"debug", "use_debugger", "use_evalex"}
        and isinstance(node.value, ast.Constant)
        and node.value.value is True
    )


def tokens_in_the_log(node: ast.AST) -> bool:
    """S17: no value whose name sounds like a secret goes to the log or the terminal."""
    name = called(node)
    if not (re.match(r"(logger|logging|log)\.\w+$", name) or name in {"print", "click.echo"}):
        return False
    assert isinstance(node, ast.Call)
    words = {
        one.attr if isinstance(one, ast.Attribute) else one.id
        for value in node.args[1:]
        for one in ast.walk(value)
        if isinstance(one, ast.Attribute | ast.Name)
    }
    return bool(words & SECRETS)


SECRETS = {
    "password", "secret", "token", "access_token", "refresh_token", "bearer_token", "token_secret",
    "consumer_secret", "client_secret", "secret_key", "authorization", "cookies", "verifier",
}  # fmt: skip

RULES: dict[str, Callable[[ast.AST], bool]] = {
    "sql from pieces": sql_from_pieces,
    "unescaped markup": unescaped_markup,
    "stored objects": stored_objects,
    "imports of stored objects": imports_of_stored_objects,
    "a shell": a_shell,
    "unverified tls": unverified_tls,
    "weak hashes": weak_hashes,
    "sends files": sends_files,
    "whole forms": whole_forms,
    "redirects elsewhere": redirects_elsewhere,
    "loose file modes": loose_file_modes,
    "predictable names": predictable_names,
    "weak randomness": weak_randomness,
    "debugging": debugging,
    "tokens in the log": tokens_in_the_log,
}

# One planted line for each rule: a rule that catches nothing is none.
PLANTED = {
    "sql from pieces": "db.session.execute(text(f'SELECT {column} FROM x'))",
    "unescaped markup": "Markup(tweet.text)",
    "stored objects": "pickle.loads(row.job)",
    "imports of stored objects": "import pickle",
    "a shell": "subprocess.run(f'supervisorctl start {name}', shell=True)",
    "unverified tls": "requests.get(url, verify=False)",
    "weak hashes": "hashlib.md5(data)",
    "sends files": "send_from_directory(folder, name)",
    "whole forms": "User(**request.form)",
    "redirects elsewhere": "redirect(request.args.get('next'))",
    "loose file modes": "os.open(path, os.O_CREAT, 0o644) or path.mkdir(mode=0o755)",
    "predictable names": "tempfile.mktemp()",
    "weak randomness": "random.choice(letters)",
    "debugging": "app.run(debug=True)",
    "tokens in the log": "logger.info('signed in token=%s', credential.token)",
}


@pytest.mark.parametrize("name", RULES)
def test_no_module_breaks_the_rule(name: str) -> None:
    broken = [
        f"sfm/{relative}:{getattr(node, 'lineno', '?')}"
        for path, tree in parsed_modules().items()
        if (relative := path.relative_to(SFM).as_posix()) not in ALLOWED.get(name, set())
        for node in nodes_of(tree)
        if RULES[name](node)
    ]
    assert not broken


@pytest.mark.parametrize("name", RULES)
def test_the_rule_catches_what_it_is_for(name: str) -> None:
    assert any(RULES[name](node) for node in ast.walk(ast.parse(PLANTED[name])))
