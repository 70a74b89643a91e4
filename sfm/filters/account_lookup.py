"""Finds the uids of the people a filter names. Asks Twitter; never touches the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sfm.errors import SfmError
from sfm.messages import Message
from sfm.networks.adapter import AccountLookup


@dataclass(frozen=True)
class People:
    """Names with their uids, names that are no account (with why), and why nobody was asked."""

    uids: dict[str, int]
    not_found: dict[str, str]
    not_asked: str = ""

    @property
    def warning(self) -> str:
        """What whoever saves the filter has to know; "" where all were found."""
        if self.not_asked:
            return Message(
                "The people were not looked up (%(not_asked)s) The filter is saved without those "
                "who are new; save it again later.",
                not_asked=self.not_asked,
            )
        if not self.not_found:
            return ""
        listed = ", ".join(f"@{name}" for name in self.not_found)
        return Message("Not found on Twitter, and left out: %(listed)s.", listed=listed)


def find_people(
    names: Iterable[str], known: Mapping[str, int], client: AccountLookup | None, why_not: str = ""
) -> People:
    """Look the names up, but for those whose uid is known from before (by name, any capitals).

    Without a client, or where Twitter cannot be asked now, the new ones stay without a uid.
    """
    before = {name.lower(): uid for name, uid in known.items()}
    ordered_names = list(names)
    uids = {name: before[name.lower()] for name in ordered_names if name.lower() in before}
    missing = [name for name in ordered_names if name not in uids]
    if not missing:
        return People(uids, {})
    if client is None:
        return People(uids, {}, why_not)
    not_found: dict[str, str] = {}
    unanswered: list[str] = []
    try:
        for batch in client.accounts_by_name(missing):
            found_uids = {user.name.lower(): user.uid for user in batch.accounts}
            uids |= {
                name: found_uids[name.lower()] for name in missing if name.lower() in found_uids
            }
            unanswered += [
                problem.message for problem in batch.problems if problem.state == "unanswered"
            ]
            not_found |= {
                problem.subject: problem.message
                for problem in batch.problems
                if problem.state != "unanswered"
            }
    except SfmError as exc:
        return People(uids, not_found, exc.message)
    in_order = {name: uids[name] for name in ordered_names if name in uids}
    return People(in_order, not_found, "".join(unanswered[:1]))
