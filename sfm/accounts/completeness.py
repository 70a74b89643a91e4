"""What the record proves of the completeness of an account's posts. Pages, lists, READMEs and
export.json say this and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sfm import clock
from sfm.accounts.completeness_records import AccountRecord, PostsMissing, records
from sfm.accounts.lifecycle import OK
from sfm.database import db
from sfm.messages import N_, Message, PluralMessage, join_messages
from sfm.models import TwitterUser

MAX_HOLES_NAMED = 10
WHY_MISSING = {
    "limit": N_(
        "Posts between %(after)s and %(before)s are missing: more had been posted since the run "
        "before than the newest 3,200, which is all that Twitter gives."
    ),
    "refused": N_(
        "Posts between %(after)s and %(before)s are missing: Twitter refused to go on with an "
        "interrupted collection."
    ),
    "broken_paging": N_(
        "Posts between %(after)s and %(before)s may be missing: Twitter's pages broke off there."
    ),
}
WHY_NONE_BEFORE = {
    "limit": N_(
        "Posts from before %(before)s were not to be had: Twitter gives only the newest 3,200 "
        "posts of an account."
    ),
    "refused": N_(
        "Posts from before %(before)s are missing: Twitter refused to go on with the interrupted "
        "first collection."
    ),
    "broken_paging": N_(
        "Posts from before %(before)s may be missing: Twitter's pages broke off there."
    ),
}


def of_account(account: TwitterUser) -> AccountRecord:
    """What is known of one account."""
    return records(db.session.connection(), [account.id])[account.id]


def describe(record: AccountRecord) -> Message:
    """From when to when its posts are collected, what is missing and why it is not read now."""
    return join_messages([*_collected(record), *_missing(record), *_not_read(record)])


def summarize(record: AccountRecord) -> Message:
    """The same in a few words, for a list."""
    if record.held_to_id is None:
        return Message("nothing collected yet")
    words: list[str] = []
    if record.first_pass_oldest_id is None:
        words.append(Message("beginning not recorded"))
    else:
        words.append(Message("from %(first)s", first=_moment(record.first_pass_oldest_id)[:10]))
    if record.holes:
        words.append(Message("holes: %(count)s", count=len(record.holes)))
    if _not_read(record):
        words.append(Message("not read at present"))
    return join_messages(words, ", ")


def as_json(record: AccountRecord) -> dict[str, Any]:
    """The same for machines. Ids are texts, times ISO 8601 in UTC."""
    return {
        "account": record.name,
        "uid": None if record.uid is None else str(record.uid),
        "collected_from_id": _text(record.first_pass_oldest_id),
        "collected_up_to_id": _text(record.held_to_id),
        "last_collected": _iso(record.collected_at),
        "missing": [_hole_as_json(hole) for hole in record.missing],
        "posts_on_twitter": record.on_twitter,
        "failed_runs": record.failed_runs,
        "failed_since": _iso(record.failed_since),
        "state": record.state,
        "state_since": _iso(record.state_since),
        "inactive_since": _iso(record.inactive_since),
        "in_words": str(describe(record)),
    }


def _hole_as_json(hole: PostsMissing) -> dict[str, Any]:
    return {
        "after_id": _text(hole.after_id),
        "before_id": str(hole.before_id),
        "cause": hole.cause,
        "posts_kept_since": hole.kept_since,
    }


def _collected(record: AccountRecord) -> list[str]:
    if record.held_to_id is None:
        return [_before_first_end(record)]
    if record.first_pass_oldest_id is None:
        parts: list[str] = [_of_unknown_beginning(record)]
    else:
        parts = [_of_known_beginning(record)]
        if record.on_twitter is not None and record.on_twitter > record.posts_kept:
            parts.append(
                Message(
                    "%(kept)s posts are kept, of %(on_twitter)s that Twitter counts.",
                    kept=f"{record.posts_kept:,}",
                    on_twitter=f"{record.on_twitter:,}",
                )
            )
    if record.pass_oldest_id is not None:
        parts.append(_interrupted(record.held_to_id, record.pass_oldest_id))
    return parts


def _interrupted(after_id: int, before_id: int) -> Message:
    return Message(
        "Collecting was interrupted: posts between %(after)s and %(before)s are still to come.",
        after=_moment(after_id),
        before=_moment(before_id),
    )


def _before_first_end(record: AccountRecord) -> Message:
    """Of an account whose posts were not collected to the end once, or that had none."""
    if record.pass_oldest_id is not None:
        return Message(
            "Its first collection is not finished: it has come down to %(oldest)s.",
            oldest=_moment(record.pass_oldest_id),
        )
    if record.collected_at is None:
        return Message("None of its posts have been asked for yet.")
    return Message("It had no posts on %(at)s.", at=_at(record.collected_at))


def _of_known_beginning(record: AccountRecord) -> str:
    values = {"first": _moment(record.first_pass_oldest_id), "last": _at(record.collected_at)}
    if record.holes:
        return Message(
            "Its posts were collected from %(first)s to %(last)s, but for what is named here.",
            **values,
        )
    if record.below is None:
        return Message(
            "All its posts that Twitter gave were collected, from the first one on %(first)s to "
            "%(last)s.",
            **values,
        )
    return Message(
        "All its posts that Twitter gave were collected from %(first)s to %(last)s.", **values
    )


def _of_unknown_beginning(record: AccountRecord) -> str:
    values = {"last": _at(record.collected_at), "kept": f"{record.posts_kept:,}"}
    if record.on_twitter is None:
        return Message(
            "It was last collected on %(last)s. From when on its posts are complete is not "
            "recorded: an earlier release collected it first.",
            **values,
        )
    return Message(
        "It was last collected on %(last)s. From when on its posts are complete is not recorded: "
        "an earlier release collected it first. %(kept)s posts are kept, of %(on_twitter)s that "
        "Twitter counts; Twitter gives only the newest 3,200.",
        on_twitter=f"{record.on_twitter:,}",
        **values,
    )


def _missing(record: AccountRecord) -> list[str]:
    shown = [*([record.below] if record.below else []), *record.holes[-MAX_HOLES_NAMED:]]
    parts = [sentence for hole in shown for sentence in _of_hole(hole)]
    left_out = len(record.holes) - MAX_HOLES_NAMED
    if left_out > 0:
        parts.append(
            PluralMessage(
                "There is %(num)s earlier hole.", "There are %(num)s earlier holes.", left_out
            )
        )
    return parts


def describe_hole(after_id: int | None, before_id: int, cause: str) -> Message:
    """Between which times posts are missing, and why. `after_id` None: from the first post on."""
    before = _moment(before_id)
    if after_id is None:
        return Message(WHY_NONE_BEFORE[cause], before=before)
    return Message(WHY_MISSING[cause], after=_moment(after_id), before=before)


def _of_hole(hole: PostsMissing) -> list[str]:
    parts: list[str] = [describe_hole(hole.after_id, hole.before_id, hole.cause)]
    if hole.kept_since:
        parts.append(
            PluralMessage(
                "Of this time %(num)s post came from elsewhere (imports, streams, look-ups); "
                "whether this is all is not known.",
                "Of this time %(num)s posts came from elsewhere (imports, streams, look-ups); "
                "whether these are all is not known.",
                hole.kept_since,
            )
        )
    return parts


def _not_read(record: AccountRecord) -> list[str]:
    parts = _state_in_words(record)
    if record.failed_runs and record.state == OK:
        parts.append(
            Message(
                "Runs that could not read it since then: %(count)s, the first on %(since)s.",
                count=record.failed_runs,
                since=_at(record.failed_since),
            )
        )
    if record.inactive_since is not None:
        parts.append(
            Message(
                "It is inactive since %(since)s: no posts are asked for.",
                since=_at(record.inactive_since),
            )
        )
    return parts


def _state_in_words(record: AccountRecord) -> list[str]:
    if record.state != OK:
        since = Message("It has not been readable since %(since)s.", since=_at(record.state_since))
        return [since, record.state_reason] if record.state_reason else [since]
    if record.gone_unconfirmed_since is None:
        return []
    return [
        Message(
            "On %(at)s Twitter said that it is gone; this is not confirmed yet.",
            at=_at(record.gone_unconfirmed_since),
        )
    ]


def _moment(post_id: int | None) -> str:
    """When a post of this id was made; its number where the id does not tell."""
    at = clock.snowflake_time(post_id or 0)
    return _at(at) if at is not None else str(Message("post %(id)s", id=post_id))


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "–"


def _iso(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment is not None else None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
