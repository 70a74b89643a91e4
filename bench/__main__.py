"""`make bench`: every benchmark in turn, and one table at the end. Names choose some of them."""

from __future__ import annotations

import argparse
import pkgutil
import subprocess
import sys

import bench

NO_BENCHMARKS = {"__main__", "installation", "remembering", "table", "synthetic", "v2_records"}


def names() -> list[str]:
    modules = (module.name for module in pkgutil.iter_modules(bench.__path__))
    return sorted(name for name in modules if name not in NO_BENCHMARKS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(names())}")
    selected = parser.parse_args().names or names()
    failed = []
    for name in selected:  # a process each, so that none measures another's memory
        code = f"import sys, bench.{name} as b; sys.argv[1:] = []; b.main()"
        if subprocess.run([sys.executable, "-c", code], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nnot measured, see above: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
