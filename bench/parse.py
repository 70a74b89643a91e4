"""Bytes to the typed record of a post, against json.loads of the same lines."""

from __future__ import annotations

import json

from bench.synthetic import World
from bench.table import Row, cpu_seconds, median_pair, show
from sfm.twitter.parse.response import split_page
from sfm.twitter.parse.tweet import parse_line

LINES = 6_000
GOAL = 25_000


def rate(work, lines: list[bytes]) -> float:
    """Lines a CPU second."""

    def run() -> None:
        for line in lines:
            work(line)

    return len(lines) / cpu_seconds(run)


def compare(name: str, lines: list[bytes]) -> list[Row]:
    ours, floor = median_pair(lambda: rate(parse_line, lines), lambda: rate(json.loads, lines))
    size = sum(map(len, lines)) / len(lines)
    return [
        Row(f"{name} ({size:,.0f} B each)", f"{ours:,.0f}/s", f"json.loads {floor:,.0f}/s",
            ours / floor),
        Row(f"{name}, of {GOAL:,} a second", f"{ours:,.0f}/s", "", ours / GOAL, ">= 1"),
    ]  # fmt: skip


def page_of(lines: list[bytes]) -> bytes:
    """A response page whose posts share their includes, as timelines give it."""
    records = [json.loads(line) for line in lines]
    includes: dict[str, dict[str, object]] = {}
    for record in records:
        for kind, items in record["includes"].items():
            known = {item.get("id") or item["media_key"]: item for item in items}
            includes.setdefault(kind, {}).update(known)
    data = [record["data"] for record in records]
    shared = {kind: list(items.values()) for kind, items in includes.items()}
    return json.dumps({"data": data, "includes": shared}, ensure_ascii=False).encode()


def pages(lines: list[bytes]) -> list[Row]:
    bodies = [page_of(lines[at : at + 100]) for at in range(0, len(lines), 100)]
    ours, floor = median_pair(lambda: rate(split_page, bodies), lambda: rate(json.loads, bodies))
    return [
        Row("pages of 100 to records and tweets", f"{ours * 100:,.0f} tweets/s",
            f"json.loads {floor * 100:,.0f}/s", ours / floor),
    ]  # fmt: skip


def main() -> list[Row]:
    world = World()
    v1, v2 = list(world.v1_lines(LINES)), list(world.v2_lines(LINES))
    title = "Parsing (lines a CPU second, medians of 3 rounds)"
    return show(title, [*compare("v1.1 tweets", v1), *compare("v2 records", v2), *pages(v2)])


if __name__ == "__main__":
    main()
