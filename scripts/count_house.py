"""Counts what makes the code easy or hard to find one's way in: `python -m scripts.count_house`.

The figures of reading come from the syntax trees of sfm/; the figures of running from three small
actions in a fresh process and a temporary installation (`scripts/trace_modules.py`).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from statistics import median

from scripts.import_graph import ROOT, circles, module_graph, parsed_modules

LIMITED_NAMES = {
    "found", "one", "some", "told", "said", "held", "wanted", "chosen", "asked",
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


def length_without_docstring(function: Function) -> int:
    """Lines from `def` to the end, without decorators and docstring."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function):
        docstring = function.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length


def all_functions(trees: dict[str, ast.Module]) -> Iterator[Function]:
    for tree in trees.values():
        yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def public_functions(trees: dict[str, ast.Module]) -> Iterator[Function]:
    """Functions and methods without an underscore; not those inside functions."""
    for tree in trees.values():
        bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        for node in (node for body in bodies for node in body):
            if isinstance(node, Function) and not node.name.startswith("_"):
                yield node


def limited_names(trees: dict[str, ast.Module], *, bindings_only: bool) -> dict[str, int]:
    """How often each limited name is used as a variable or an argument, or only given a value."""
    counts: dict[str, int] = defaultdict(int)
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.arg) and node.arg in LIMITED_NAMES:
                counts[node.arg] += 1
            if isinstance(node, ast.Name) and node.id in LIMITED_NAMES:
                counts[node.id] += isinstance(node.ctx, ast.Store) or not bindings_only
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def classes_of_one_name(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = defaultdict(list)
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    return {name: modules for name, modules in sorted(places.items()) if len(modules) > 1}


def figures_of_reading() -> Iterator[str]:
    trees = parsed_modules()
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in (ROOT / "sfm").rglob("*.py")
    }
    total = sum(lengths.values())
    largest = max(lengths, key=lengths.__getitem__)
    yield f"modules: {len(lengths)}"
    yield f"lines: {total}"
    yield f"lines of the median module: {median(lengths.values()):.0f}"
    yield f"lines of the largest module: {lengths[largest]} ({largest})"
    sizes = [length_without_docstring(function) for function in all_functions(trees)]
    yield f"functions: {len(sizes)}"
    for limit in (20, 40):
        yield f"functions over {limit} lines: {sum(size > limit for size in sizes)}"
    documented = [ast.get_docstring(function) is not None for function in public_functions(trees)]
    yield f"public functions with a docstring: {sum(documented) / len(documented):.0%}"
    for label, bindings_only in (("used", False), ("given a value", True)):
        names = limited_names(trees, bindings_only=bindings_only)
        each = ", ".join(f"{name} {count}" for name, count in names.items())
        rate = sum(names.values()) / total * 1000
        yield f"limited names {label}: {rate:.1f} per 1,000 lines ({each})"
    shared = classes_of_one_name(trees)
    yield f"public classes of one name: {len(shared)}"
    for name, modules in shared.items():
        yield f"  {name}: {', '.join(modules)}"
    rings = circles(module_graph(trees))
    yield f"import circles: {len(rings)}"
    for ring in rings:
        yield f"  {', '.join(ring)}"


def figures_of_running() -> Iterator[str]:
    """Raises CalledProcessError where one of the actions fails; its output says why."""
    command = [sys.executable, "-m", "scripts.trace_modules"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    yield from done.stdout.splitlines()


def main() -> None:
    for line in figures_of_reading():
        print(line)
    for line in figures_of_running():
        print(line, flush=True)


if __name__ == "__main__":
    main()
