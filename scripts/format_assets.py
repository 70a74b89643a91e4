"""Puts our style sheet and script into one form: `python -m scripts.format_assets`.

With --check nothing is written; the exit code is 1 where a file has another form.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cssbeautifier
import jsbeautifier

STATIC = Path(__file__).resolve().parent.parent / "sfm" / "static"


def formatted(path: Path) -> str:
    """The file's text as it should be: two blanks a step, one declaration a line."""
    maker = cssbeautifier if path.suffix == ".css" else jsbeautifier
    options = maker.default_options()
    options.indent_size = 2
    options.end_with_newline = True
    text: str = maker.beautify(path.read_text(encoding="utf-8"), options)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    only_check = parser.parse_args().check
    other = [
        path
        for path in [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")]
        if formatted(path) != path.read_text(encoding="utf-8")
    ]
    for path in other:
        print(f"{'has another form' if only_check else 'formatted'}: {path.name}")
        if not only_check:
            path.write_text(formatted(path), encoding="utf-8")
    return 1 if only_check and other else 0


if __name__ == "__main__":
    sys.exit(main())
