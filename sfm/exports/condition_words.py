"""The conditions of an export in words, for the README of a package and for pages."""

from __future__ import annotations

from sfm.messages import Message
from sfm.posts.selection import Selection


def conditions_in_words(conditions: Selection) -> dict[str, str]:
    """Label and value of each condition that is set."""
    labels: dict[str, str] = {}
    if conditions.from_day or conditions.to_day:
        labels[Message("Published")] = _days_in_words(conditions)
    if conditions.text:
        labels[Message("Found by")] = conditions.text
    if conditions.kinds:
        labels[Message("Kinds")] = ", ".join(conditions.kinds)
    if conditions.retweets:
        labels[Message("Retweets")] = (
            Message("only retweets") if conditions.retweets == "only" else Message("left out")
        )
    if conditions.lang:
        labels[Message("Language")] = conditions.lang
    return labels | _having_in_words(conditions)


def _having_in_words(conditions: Selection) -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, value, with_it, without_it in (
        (Message("Links"), conditions.has_link,
         Message("only posts with links"), Message("only posts without links")),
        (Message("Media"), conditions.has_media,
         Message("only posts with media"), Message("only posts without media")),
    ):  # fmt: skip
        if value is not None:
            labels[label] = with_it if value else without_it
    return labels


def _days_in_words(conditions: Selection) -> Message:
    if conditions.from_day and conditions.from_day == conditions.to_day:
        return Message(
            "on %(from_day)s, a day of the zone %(zone)s",
            from_day=conditions.from_day,
            zone=conditions.zone,
        )
    return Message(
        "%(from_day)s to %(to_day)s, both days included, as days of the zone %(zone)s",
        from_day=conditions.from_day or Message("the beginning"),
        to_day=conditions.to_day or Message("the present"),
        zone=conditions.zone,
    )
