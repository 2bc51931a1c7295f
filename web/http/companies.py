"""Companies to choose from in a form, by name; calls and commands go by code."""

from __future__ import annotations

from collections import Counter

from broker.accounts.list_organisations import list_organisations
from broker.kernel.database import UnitOfWork

Choice = tuple[str, str]


def companies(work: UnitOfWork, *kinds: str) -> list[Choice]:
    """(code, name) of the organisations of some kinds, by name; a name that two have is told apart by the code."""
    found = [one for one in list_organisations(work) if one.kind in kinds]
    often = Counter(one.name.casefold() for one in found)
    named = [(one.code, one.name if often[one.name.casefold()] == 1 else f"{one.name} ({one.code})") for one in found]
    return sorted(named, key=lambda choice: choice[1].casefold())


PARTIES = ("owner", "advertiser", "agency")
