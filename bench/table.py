"""How a benchmark says what it found: rows of figure, peer, ratio and goal."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One finding. `ratio` is ours against the peer; `goal` in words, such as `>= 12`."""

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    goal: str = ""

    @property
    def met(self) -> str:
        if self.ratio is None or not self.goal:
            return ""
        sign, bound = self.goal.split()
        return "yes" if (self.ratio >= float(bound)) == (sign == ">=") else "NO"


def show(title: str, rows: list[Row]) -> list[Row]:
    """Print the rows as a table; gives them back for the table at the end."""
    width = max([len(row.what) for row in rows] + [20])
    print(f"\n{title}")
    print(f"  {'':{width}}  {'ours':>22}  {'peer or floor':>22}  {'ratio':>8}  {'goal':>8}  met")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        figures = f"{row.ours:>22}  {row.peer:>22}  {ratio:>8}  {row.goal:>8}  {row.met}"
        print(f"  {row.what:{width}}  {figures}")
    return rows


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds (user and system) of one call, with the collector out of the way before."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def wall_seconds(work: Callable[[], object]) -> float:
    """Seconds on the clock of one call."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_pair(
    ours: Callable[[], float], peer: Callable[[], float], rounds: int = 3
) -> tuple[float, float]:
    """Medians of both, measured in turn (ours, peer, ours, peer), since machines drift."""
    pairs = [(ours(), peer()) for _ in range(rounds)]
    middle = rounds // 2
    return sorted(a for a, _ in pairs)[middle], sorted(b for _, b in pairs)[middle]


def cpu_of(process: int) -> float:
    """Seconds of CPU that another process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
