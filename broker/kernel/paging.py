"""Pages of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.kernel.errors import InvalidInput

Item = TypeVar("Item")
MOST_ON_PAGE = 200
FARTHEST_PAGE = 1_000_000  # so that no offset leaves the integers of the database


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, with the number of all."""

    items: list[Item]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))


def offset(number: int, size: int) -> int:
    """The offset of page `number` (from 1)."""
    if not 1 <= number <= FARTHEST_PAGE or not 1 <= size <= MOST_ON_PAGE:
        raise InvalidInput(
            f"Pages count from 1 to {FARTHEST_PAGE:,} and hold 1 to {MOST_ON_PAGE} items.", code="bad_page"
        )
    return (number - 1) * size


def sliced(items: Sequence[Item], number: int, size: int = 50) -> Page[Item]:
    """One page of a list that is read whole; a number past the end shows the last one."""
    first = offset(min(number, max(1, -(-len(items) // size))), size)
    return Page(list(items[first : first + size]), len(items), first // size + 1, size)
