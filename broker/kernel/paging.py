"""Pages of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.kernel.errors import InvalidInput

Item = TypeVar("Item")
LARGEST_PAGE = 200


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
    if number < 1 or not 1 <= size <= LARGEST_PAGE:
        raise InvalidInput(f"Pages count from 1 and hold 1 to {LARGEST_PAGE} items.", code="bad_page")
    return (number - 1) * size


def sliced(items: Sequence[Item], number: int, size: int = 50) -> Page[Item]:
    """One page of a list that is read whole; a number past the end shows the last one."""
    first = offset(min(number, max(1, -(-len(items) // size))), size)
    return Page(list(items[first : first + size]), len(items), first // size + 1, size)
