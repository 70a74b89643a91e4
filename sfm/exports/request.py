"""Which tweets an export is of: where they are read from, and what they must be like. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.posts.selection import Selection

Source = Literal["tweets", "ids", "files"]
SEEDS = 2**31


@dataclass(frozen=True)
class Criteria:
    """What is asked for: a selection, out of the database, of a list of ids, or of stream files.

    `title` says in words whose tweets these are. `ids_file` is the path of the list.
    `stream_files` are numbers of stream files; `files` are paths of such: those that somebody
    typed, or those that the numbers stand for at the moment when the export is made.
    `of_all_streams` says that no stream was chosen. A sample is drawn with `seed`, so that it can
    be drawn again.
    """

    selection: Selection = Selection()
    source: Source = "tweets"
    title: str = Message("All tweets")
    ids_file: str = ""
    files: tuple[str, ...] = ()
    stream_files: tuple[int, ...] = ()
    of_all_streams: bool = False
    sample: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sample is not None and self.sample < 1:
            raise WrongInput(Message("A sample has at least one tweet."))

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a JSON column; `criteria_from` reads them again."""
        return {
            "selection": self.selection.to_args(),
            "source": self.source,
            "title": self.title,
            "ids_file": self.ids_file,
            "files": list(self.files),
            "stream_files": list(self.stream_files),
            "of_all_streams": self.of_all_streams,
            "sample": self.sample,
            "seed": self.seed,
        }

    def in_words(self) -> dict[str, str]:
        """Label and value of each thing asked for, for the README and for pages."""
        wanted = self.selection
        found: dict[str, str] = {Message("Tweets"): self.title}
        if wanted.from_day or wanted.to_day:
            found[Message("Published")] = _days_in_words(wanted)
        if wanted.text:
            found[Message("Found by")] = wanted.text
        if wanted.kinds:
            found[Message("Kinds")] = ", ".join(wanted.kinds)
        if wanted.retweets:
            found[Message("Retweets")] = (
                Message("only retweets") if wanted.retweets == "only" else Message("left out")
            )
        if wanted.lang:
            found[Message("Language")] = wanted.lang
        for label, value, with_it, without_it in (
            (Message("Links"), wanted.has_link,
             Message("only tweets with links"), Message("only tweets without links")),
            (Message("Media"), wanted.has_media,
             Message("only tweets with media"), Message("only tweets without media")),
        ):  # fmt: skip
            if value is not None:
                found[label] = with_it if value else without_it
        if self.sample is not None:
            found[Message("Sample")] = Message(
                "%(sample)s tweets drawn by chance, seed %(seed)s",
                sample=f"{self.sample:,}",
                seed=self.seed,
            )
        return found


def _days_in_words(wanted: Selection) -> Message:
    if wanted.from_day and wanted.from_day == wanted.to_day:
        return Message(
            "on %(from_day)s, a day of the zone %(zone)s",
            from_day=wanted.from_day,
            zone=wanted.zone,
        )
    return Message(
        "%(from_day)s to %(to_day)s, both days included, as days of the zone %(zone)s",
        from_day=wanted.from_day or Message("the beginning"),
        to_day=wanted.to_day or Message("the present"),
        zone=wanted.zone,
    )


def criteria_from(values: Mapping[str, Any]) -> Criteria:
    """Criteria out of `as_json`."""
    return Criteria(
        selection=Selection.from_args(values["selection"]),
        source=values["source"],
        title=values["title"],
        ids_file=values["ids_file"],
        files=tuple(values["files"]),
        stream_files=tuple(values.get("stream_files", ())),  # exports of earlier days have none
        of_all_streams=values.get("of_all_streams", False),
        sample=values["sample"],
        seed=values["seed"],
    )


def new_seed() -> int:
    """A seed for a sample nobody named one for."""
    return secrets.randbelow(SEEDS)
