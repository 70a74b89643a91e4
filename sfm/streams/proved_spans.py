"""How far the spans of the ledger are proved, by what the threads of a collector know."""

from __future__ import annotations

from collections.abc import Iterable

from sfm.streams import file_names
from sfm.streams.coverage import SavedSpan
from sfm.streams.status import Status
from sfm.streams.writer_thread import WriterThread


def proved_spans(
    status: Status, writer: WriterThread, filter_ids: Iterable[int]
) -> list[SavedSpan]:
    """The spans that are not over yet, as far as they are proved at this moment.

    When the last byte came is read first: a post that comes meanwhile makes nothing later. Where
    posts are being left out, nothing is proved from the first of them on.
    """
    total = sum(writer.per_filter.values()) or 1
    status.shares = {
        file_names.filter_prefix(number): writer.per_filter[number] / total for number in filter_ids
    }
    alive, dropping_since = status.alive_seconds, status.dropping_since
    if alive is not None and dropping_since is not None:
        alive = min(alive, dropping_since)
    pace = status.posts_a_minute
    return status.spans.advance(
        alive, writer.oldest_unsaved_of, lambda prefix: pace * status.share_of(prefix),
        status.last_id, ("storage", status.reason) if status.state == "storage" else ("", ""),
    )  # fmt: skip
