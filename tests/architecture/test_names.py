"""Names say what a value is, and a class name stands for one thing."""

from __future__ import annotations

from scripts import count_house
from scripts.import_graph import ROOT, parsed_modules

MAX_PER_THOUSAND_LINES = 3


def test_names_that_say_nothing_are_rare() -> None:
    trees = parsed_modules()
    lines = sum(
        path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "sfm").rglob("*.py")
    )
    uses = {
        module: sum(count_house.limited_names({module: tree}, bindings_only=False).values())
        for module, tree in trees.items()
    }
    worst = sorted(uses, key=uses.__getitem__, reverse=True)[:10]
    rate = sum(uses.values()) / lines * 1000
    assert rate <= MAX_PER_THOUSAND_LINES, {module: uses[module] for module in worst}


def test_no_two_public_classes_have_one_name() -> None:
    assert count_house.classes_of_one_name(parsed_modules()) == {}
