"""Lists of account names: a preview of what each line would become, and importing them.

A preview can be kept as JSON between the page that shows it and the one that imports it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import select

from sfm.accounts import lifecycle, names, service, sets
from sfm.accounts.names import is_possible, normalize
from sfm.adapters import NETWORK
from sfm.database import db
from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.models import TwitterUser, TwitterUserSet
from sfm.networks.errors import AccountProblem
from sfm.networks.record import Account
from sfm.runs.transactions import unit_of_work

if TYPE_CHECKING:
    from collections.abc import Callable

    from sfm.networks.adapter import AccountLookup
    from sfm.runs.context import RunContext

MAX_LINES = 50_000
NAMES_PER_CALL = 100  # names a call
LINES_PER_TRANSACTION = 200  # lines a transaction, so that others who write need not wait long
_UIDS_PER_QUERY = 500  # bound parameters a statement

Verdict = Literal[
    "new", "already_here", "renamed", "protected", "suspended", "not_found", "unavailable",
    "twice", "not_a_name",
]  # fmt: skip
WORDS: dict[Verdict, str] = {
    "new": Message("new"),
    "already_here": Message("already here"),
    "renamed": Message("renamed"),
    "protected": Message("protected"),
    "suspended": Message("suspended"),
    "not_found": Message("not found"),
    "unavailable": Message("not shown by Twitter at the moment"),
    "twice": Message("twice in the list"),
    "not_a_name": Message("not a possible name"),
}
PUBLIC: frozenset[Verdict] = frozenset({"new"})
WITH_PROTECTED: frozenset[Verdict] = PUBLIC | {"protected"}
HERE: frozenset[Verdict] = frozenset({"already_here", "renamed"})


class ListLine(msgspec.Struct, kw_only=True):
    """One line of a list. `record` is Twitter's answer, `twitter_user_id` ours if it is here."""

    number: int
    text: str
    name: str
    verdict: Verdict
    message: str = ""
    twitter_user_id: int | None = None
    record: Account | None = None


class Cost(msgspec.Struct, frozen=True):
    """What looking names up costs, at most: calls, accounts read, and US cents at X's price."""

    calls: int
    users: int

    @property
    def cents(self) -> float:
        return self.users * NETWORK.prices.cents_per_account


class ImportPreview(msgspec.Struct):
    """The lines of a list with their verdicts. Blank lines are left out."""

    lines: list[ListLine]
    cost: Cost

    def counts(self) -> dict[Verdict, int]:
        """How many lines have each verdict, in the order of WORDS."""
        counts = Counter(line.verdict for line in self.lines)
        return {verdict: counts[verdict] for verdict in WORDS if counts[verdict]}


@dataclass(frozen=True)
class ImportOutcome:
    """How many accounts an import, or a part of it, added and renamed."""

    added: int = 0
    renamed: int = 0
    put_into_set: int = 0

    def __add__(self, other: ImportOutcome) -> ImportOutcome:
        return ImportOutcome(
            self.added + other.added,
            self.renamed + other.renamed,
            self.put_into_set + other.put_into_set,
        )


def read_lines(texts: Iterable[str]) -> list[ListLine]:
    """The lines that are not blank, as far as they can be judged without asking anybody.

    Raises WrongInput for more than 50,000.
    """
    lines: list[ListLine] = []
    seen: dict[str, int] = {}
    for number, text in enumerate(texts, start=1):
        name = normalize(text.replace("\x00", "\ufffd"))
        if not name:
            continue
        if len(lines) >= MAX_LINES:
            raise WrongInput(
                Message(
                    "A list may have %(limit)s names at most; please divide it.",
                    limit=f"{MAX_LINES:,}",
                )
            )
        lines.append(_judged_alone(number, text, name, seen))
    return lines


def _judged_alone(number: int, text: str, name: str, seen: dict[str, int]) -> ListLine:
    line = ListLine(number=number, text=text.strip()[:100], name=name[:60], verdict="new")
    if not is_possible(name):
        line.verdict = "not_a_name"
        line.message = NETWORK.account_problem("malformed", name[:60]).message
    elif name.lower() in seen:
        line.verdict = "twice"
        line.message = Message(
            "%(name)s is in line %(line)s already.", name=name, line=seen[name.lower()]
        )
    else:
        seen[name.lower()] = number
    return line


def cost_of(lines: Iterable[ListLine]) -> Cost:
    """What looking the names of these lines up will cost, at most. Asks nobody."""
    users = sum(1 for line in lines if line.verdict not in ("twice", "not_a_name"))
    return Cost(calls=-(-users // NAMES_PER_CALL), users=users)


def preview(
    client: AccountLookup,
    texts: Iterable[str],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ImportPreview:
    """The verdict of each line. Looks all names up at Twitter, 100 a call; saves nothing.

    `progress` is called after each call with how many names of how many are looked up. Raises
    WrongInput for too long a list, and NetworkErrors that are not about one account.
    """
    lines = read_lines(texts)
    cost = cost_of(lines)
    lines_by_name = {line.name.lower(): line for line in lines if line.verdict == "new"}
    answered = 0
    for batch in client.accounts_by_name([line.name for line in lines_by_name.values()]):
        for record in batch.accounts:
            _apply_record(lines_by_name[record.name.lower()], record)
        for problem in batch.problems:
            _apply_problem(lines_by_name[problem.subject.lower()], problem)
        answered += len(batch.accounts) + len(batch.problems)
        progress(answered, len(lines_by_name))
    _compare_with_ours(lines)
    return ImportPreview(lines, cost)


def _apply_record(line: ListLine, record: Account) -> None:
    line.record = msgspec.structs.replace(record, raw=b"")
    if record.protected:
        line.verdict = "protected"
        line.message = NETWORK.account_problem("protected", record.name).message


def _apply_problem(line: ListLine, problem: AccountProblem) -> None:
    known = {"suspended": "suspended", "not_found": "not_found", "gone": "not_found"}
    line.verdict = known.get(problem.state, "unavailable")  # type: ignore[assignment]
    line.message = problem.message


def _compare_with_ours(lines: Sequence[ListLine]) -> None:
    """Mark what is here already: by uid where Twitter gave one, else by name for the message."""
    ours = _ours_by_uid([line.record.uid for line in lines if line.record])
    for line in lines:
        if line.record and (present := ours.get(line.record.uid)):
            same = present.name == line.record.name
            line.verdict = "already_here" if same else "renamed"
            line.message = service.already_here(present, line.record.name)
            line.twitter_user_id = present.id
        elif line.verdict == "not_found":
            _explain_old_name(line)


def _explain_old_name(line: ListLine) -> None:
    """An old list may hold a name that one of ours has given up."""
    former_holders = names.formerly_called(line.name)
    if len(former_holders) == 1:
        line.verdict, line.twitter_user_id = "renamed", former_holders[0].id
        line.message = Message(
            "%(name)s is now called %(new_name)s, and is here already.",
            name=line.name,
            new_name=former_holders[0].name,
        )


def _ours_by_uid(uids: Sequence[int]) -> dict[int, TwitterUser]:
    by_uid: dict[int, TwitterUser] = {}
    for start in range(0, len(uids), _UIDS_PER_QUERY):
        part = uids[start : start + _UIDS_PER_QUERY]
        for account in db.session.scalars(select(TwitterUser).where(TwitterUser.uid.in_(part))):
            by_uid[account.uid or 0] = account
    return by_uid


def pieces(preview_of_list: ImportPreview) -> list[list[ListLine]]:
    """The lines of a preview, in pieces of one transaction each."""
    return [
        preview_of_list.lines[start : start + LINES_PER_TRANSACTION]
        for start in range(0, len(preview_of_list.lines), LINES_PER_TRANSACTION)
    ]


def import_lines(
    lines: Sequence[ListLine],
    *,
    into: TwitterUserSet | None = None,
    active: bool = True,
    added_by_id: int | None = None,
    verdicts: frozenset[Verdict] = PUBLIC,
) -> ImportOutcome:
    """Add what is new, take renames over, put all that is here into the set. Flushes.

    `verdicts` are those that are added: WITH_PROTECTED only where a person has said so.

    Call `begin_write` first, and pass long lists piece by piece (`pieces`), a transaction each.
    An account that was added since the preview counts as here.
    """
    ours = _ours_by_uid([line.record.uid for line in lines if line.record])
    added = renamed = 0
    members: list[int] = []
    for line in lines:
        if line.record and line.record.uid in ours:
            account = ours[line.record.uid]
            renamed += lifecycle.apply_profile(account, line.record)
            members.append(account.id)
        elif line.record and line.verdict in verdicts:
            members.append(service.add(line.record, added_by_id=added_by_id, active=active).id)
            added += 1
        elif line.twitter_user_id is not None:
            members.append(line.twitter_user_id)
    return ImportOutcome(added, renamed, sets.add_members(into, members) if into else 0)


def import_all(
    run: RunContext,
    preview_of_list: ImportPreview,
    *,
    set_id: int | None = None,
    active: bool = True,
    added_by_id: int | None = None,
    verdicts: frozenset[Verdict] = PUBLIC,
) -> ImportOutcome:
    """Import a whole list as a run: piece by piece, each committed. Raises as `run.check`."""
    outcome = ImportOutcome()
    run.set_status("", total=len(preview_of_list.lines))

    def import_piece(piece: list[ListLine]) -> ImportOutcome:
        twitter_user_set = db.session.get(TwitterUserSet, set_id) if set_id is not None else None
        done = import_lines(
            piece,
            into=twitter_user_set,
            active=active,
            added_by_id=added_by_id,
            verdicts=verdicts,
        )
        run.check_lease(added=done.added)
        return done

    for piece in pieces(preview_of_list):
        run.check()
        done = unit_of_work(partial(import_piece, piece))
        outcome += done
        run.advance(len(piece), done.added, saved=True)
    return outcome
