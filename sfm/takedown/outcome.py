"""What a removal has done, and what is left, in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sfm.extensions import settings


@dataclass(frozen=True)
class Outcome:
    """`counts` are what went, by kind. `later` are files that may not be touched yet,
    `collectors` the stream programs that do not know yet what was removed."""

    counts: dict[str, int]
    troubles: tuple[str, ...] = ()
    later: tuple[Path, ...] = ()
    collectors: tuple[str, ...] = ()

    @property
    def nothing_left(self) -> bool:
        """Whether the last look found nothing, and nothing can bring it back."""
        return not (self.troubles or self.later or self.collectors)

    @property
    def comes_later(self) -> tuple[str, ...]:
        """Names of what settles itself with time, and has to be looked at again then."""
        return (*(name_of(path) for path in self.later), *self.collectors)


def name_of(path: Path) -> str:
    """The name under which people know a file that is being written."""
    return path.name.removesuffix(".part")


def backups() -> list[Path]:
    """Copies of the database, which no removal reaches."""
    return sorted((settings().instance / "backups").glob("*"))
