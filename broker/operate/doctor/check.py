"""One check of the installation: what was looked at, whether it is well, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.kernel.errors import CourtierError


@dataclass(frozen=True, slots=True)
class Check:
    """`say` is a whole sentence: what is, and where it is not well, how to mend it."""

    name: str
    ok: bool
    say: str


def guarded(name: str, look: Callable[[], Check]) -> Check:
    """Run one check; a refusal met on the way is its finding."""
    try:
        return look()
    except CourtierError as error:
        return Check(name, False, error.sentence)
