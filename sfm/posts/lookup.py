"""Looking posts up by their ids, into a file. Nothing is stored in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from sfm.networks.adapter import PostLookup
from sfm.networks.record import MAX_ID
from sfm.runs.context import RunContext

IDS_PER_CALL = 100  # ids in one call
NO_REASON = "Twitter gave no reason."

Id = tuple[str, int | None]  # as written, and as a number where it can be one


@dataclass
class LookedUp:
    """How many ids were asked for, found, and not found."""

    asked: int = 0
    found: int = 0
    failed: int = 0


def read_ids(lines: Iterable[str], limit: int | None) -> Iterator[Id]:
    """Each id once as written, and as a number (None where it cannot be one); `limit` at most."""
    seen: set[str] = set()
    for line in lines:
        text = line.strip().strip('",')
        if not text or text in seen:
            continue
        if limit is not None and len(seen) >= limit:
            return
        seen.add(text)
        plain = text.isascii() and text.isdigit() and len(text) < 20
        yield text, int(text) if plain and 0 < int(text) <= MAX_ID else None


def look_up(
    run: RunContext,
    client: PostLookup,
    ids: Iterable[tuple[str, int | None]],
    out: IO[bytes],
    log: IO[str],
) -> LookedUp:
    """Write each post found as one line of JSON, and each failure as id, tab, reason.

    Raises what the client raises; what was written before stays.
    """
    result = LookedUp()
    batch: list[int] = []
    for text, number in ids:
        result.asked += 1
        if number is None:
            result.failed += 1
            log.write(f"{text[:100]}\tThis cannot be the number of a post.\n")
            continue
        batch.append(number)
        if len(batch) == IDS_PER_CALL:
            _batch(run, client, batch, out, log, result)
            batch = []
    if batch:
        _batch(run, client, batch, out, log, result)
    return result


def _batch(
    run: RunContext,
    client: PostLookup,
    ids: list[int],
    out: IO[bytes],
    log: IO[str],
    result: LookedUp,
) -> None:
    run.check()
    missing = set(ids)
    delivered, found_before = 0, result.found
    for page in client.posts_by_id(ids):
        delivered += page.delivered
        for record in page.records:
            out.write(record.raw.replace(b"\n", b" ") + b"\n")
            missing.discard(record.post.twitter_id)
            result.found += 1
        for problem in page.problems:
            post_id = problem.resource_id or problem.value
            if post_id.isascii() and post_id.isdigit() and int(post_id) in missing:
                missing.discard(int(post_id))
                result.failed += 1
                log.write(f"{post_id}\t{problem.detail or problem.title or NO_REASON}\n")
    for number in sorted(missing):
        result.failed += 1
        log.write(f"{number}\tTwitter gave no answer for this one.\n")
    run.count_usage(calls=1, posts=delivered)
    run.advance(len(ids), result.found - found_before)
