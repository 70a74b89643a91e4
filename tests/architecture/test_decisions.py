"""Pages of docs/decisions: numbered without holes, in one form; references lead to one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
HEADINGS = ["Status", "Context", "Decision", "Alternatives weighed", "Consequences"]
STATUS = re.compile(r"(Accepted|Replaced by \d{4}), \d{4}-\d\d-\d\d\.")
REFERENCE = re.compile(r"docs/decisions/(\d{4})")
TEXTS = [
    "sfm/**/*.py",
    "tests/**/*.py",
    "bench/**/*.py",
    "migrations/**/*.py",
    "docs/**/*.md",
    "*.md",
]


def test_numbers_have_no_holes() -> None:
    for expected, page in enumerate(PAGES, start=1):
        assert page.name.startswith(f"{expected:04d}-"), (
            f"{page.name} should be number {expected:04d}: `git mv` it, change its first line and "
            "the references to it, then run `make docs`"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_has_the_form_of_all(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {page.name[:4]}: \S", text), "the first line says number and title"
    assert re.findall(r"^## (.*)$", text, re.M) == HEADINGS
    _, *sections = (section.strip() for section in re.split(r"^## .*$", text, flags=re.M))
    assert all(sections), "a section is empty"
    assert STATUS.match(sections[0]), "for example: Accepted, 2026-01-31."


def test_references_lead_to_a_page() -> None:
    numbers = {page.name[:4] for page in PAGES}
    wrong = [
        f"{path.relative_to(ROOT)}: {number}"
        for pattern in TEXTS
        for path in ROOT.glob(pattern)
        for number in REFERENCE.findall(path.read_text(encoding="utf-8"))
        if number not in numbers
    ]
    assert not wrong
