"""Which module and which package of sfm/ imports which, read from the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Graph = dict[str, set[str]]


def parsed_modules() -> dict[str, ast.Module]:
    """The modules of sfm/ by dotted name."""
    trees = {}
    for path in sorted((ROOT / "sfm").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def module_graph(trees: dict[str, ast.Module]) -> Graph:
    """What each module imports of sfm/, also inside functions and for types alone."""
    return {module: _imports(tree, set(trees)) - {module} for module, tree in trees.items()}


def _imports(tree: ast.Module, modules: set[str]) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in modules else node.module)
    return names & modules


def package_graph(graph: Graph) -> Graph:
    """The same by the first name below `sfm`: a package or a module of the top level."""
    packages: Graph = {}
    for module, imported in graph.items():
        if module != "sfm":
            targets = {name.split(".")[1] for name in imported if name != "sfm"}
            packages.setdefault(module.split(".")[1], set()).update(targets)
    return {package: targets - {package} for package, targets in sorted(packages.items())}


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules of which each reaches each other, sorted by name."""
    reached = {module: _reached_from(module, graph) for module in graph}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in graph
        if module in reached[module]
    }
    return [list(group) for group in sorted(groups)]


def _reached_from(module: str, graph: Graph) -> set[str]:
    reached: set[str] = set()
    waiting = list(graph[module])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached
