"""Functions that tests register as jobs."""

from __future__ import annotations

from typing import Any

from sfm.runs.context import RunContext


def breaks(_run: RunContext) -> dict[str, Any]:
    raise ZeroDivisionError("of this run alone")


def counts(run: RunContext) -> dict[str, Any]:
    for _ in range(int(run.params["n"])):
        run.check()
        run.advance()
    return {"counted": run.progress.done}


def tick() -> None:
    return


def broken_tick() -> None:
    raise ZeroDivisionError("of this tick alone")


def waters(run: RunContext) -> dict[str, Any]:
    for litres in (3, 4):
        run.check()
        run.advance(1, added=litres)
    return {"watered": run.progress.done}
