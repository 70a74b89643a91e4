"""The kinds of runs there are, and what people call them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of run. `alone`: two of it never go on at once, whoever started them."""

    name: str
    title: str  # of one, at the start of a sentence
    plural: str
    counts: str  # what `added` counts
    items: str  # what `done` and `total` count
    alone: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("user_timeline", "Timeline job", "Timeline jobs", "new tweets", "accounts"),
        Kind("update_usernames", "Name check", "Name checks", "changed names", "accounts"),
        Kind("populate_uids", "Filling in of uids", "Filling in of uids", "uids", "accounts"),
        Kind("fetch_urls", "Link check", "Link checks", "links followed", "tweets"),
        Kind("add_userlist", "List of accounts", "Lists of accounts", "new accounts", "lines"),
        Kind("import_tweets", "Import", "Imports", "new tweets", "tweets"),
        Kind("fetch_tweets_by_id", "Look-up of tweets", "Look-ups of tweets", "tweets", "ids"),
        Kind("refill_items", "Making anew", "Makings anew", "changed tweets", "tweets"),
        Kind("check_credentials", "Credential check", "Credential checks", "", "credentials"),
        Kind("check_counts", "Count check", "Count checks", "corrected counts", "counts"),
        Kind("organizedata", "Tidying of files", "Tidyings of files", "files moved", "files"),
        Kind("fill_gap", "Filling of a gap", "Fillings of gaps", "posts", "gaps"),
        Kind("export", "Export", "Exports", "rows", "tweets", alone=False),
        Kind(
            "remove_tweet", "Deletion of tweets", "Deletions of tweets", "tweets deleted", "tweets"
        ),
        Kind("tidy_exports", "Care of exports", "Care of exports", "exports made", "exports"),
    )
}


def kind(name: str) -> Kind:
    """The kind of this name; one made of the name itself for kinds of an older release."""
    plain = name.replace("_", " ").capitalize()
    return KINDS.get(name) or Kind(name, plain, plain, "added", "items")


def lease_name(name: str, run_id: int | None) -> str:
    """The lease a run needs: its kind's, or its own where a kind's runs may go side by side."""
    return f"run:{name}" if kind(name).alone else f"run:{name}:{run_id}"
