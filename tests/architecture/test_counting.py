"""The figures of `python -m scripts.count_house` are counted right."""

from __future__ import annotations

import ast
import subprocess
import sys

from scripts import count_house
from scripts.import_graph import ROOT, circles, module_graph, package_graph, parsed_modules

SOURCE = '''
class Line:
    def words(self):
        """What it says."""
        found = [one for one in self.parts]
        return found

    def _hidden(self): ...

def length(held): return len(held)
'''


def test_names_over_the_limit() -> None:
    trees = {"sfm.a": ast.parse(SOURCE)}
    assert count_house.limited_names(trees, bindings_only=False) == {
        "found": 2,
        "one": 2,
        "held": 2,
    }
    assert count_house.limited_names(trees, bindings_only=True) == {"found": 1, "one": 1, "held": 1}


def test_public_functions_and_classes_of_one_name() -> None:
    trees = {"sfm.a": ast.parse(SOURCE), "sfm.b": ast.parse(SOURCE)}
    names = [function.name for function in count_house.public_functions(trees)]
    assert names == ["length", "words", "length", "words"]
    assert count_house.classes_of_one_name(trees) == {"Line": ["sfm.a", "sfm.b"]}


def test_a_docstring_is_no_line_of_its_function() -> None:
    lengths = {
        function.name: count_house.length_without_docstring(function)
        for function in count_house.all_functions({"sfm.a": ast.parse(SOURCE)})
    }
    assert lengths == {"words": 3, "_hidden": 1, "length": 1}


def test_a_circle_inside_functions_is_found() -> None:
    trees = {
        "sfm.a": ast.parse("from sfm import b"),
        "sfm.b": ast.parse("def later():\n    from sfm.c import name"),
        "sfm.c": ast.parse("import sfm.a"),
        "sfm.d": ast.parse("from sfm.a import name"),
    }
    graph = module_graph(trees)
    assert circles(graph) == [["sfm.a", "sfm.b", "sfm.c"]]
    assert package_graph(graph)["d"] == {"a"}


def test_the_whole_of_sfm_is_read() -> None:
    graph = module_graph(parsed_modules())
    assert "sfm.config" in graph["sfm.factory"]
    assert "sfm.errors" in graph["sfm.config"]


def test_an_export_enters_few_modules() -> None:
    """At most 25 for the smallest CSV and 35 for a packed one; `--names` lists which they are."""
    command = [sys.executable, "-m", "scripts.trace_modules", "--names", "--only", "0", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    smallest, packed = (
        [line.strip() for line in part.splitlines()[1:]]
        for part in done.stdout.split("modules entered by ")[1:]
    )
    assert "exports/build.py" in smallest
    assert "exports/package/package.py" in packed
    assert len(smallest) <= 25, smallest
    assert len({*smallest, *packed}) <= 35, packed
