"""Lettering: postings of one account and party that cancel each other out, an invoice and its payments."""

from __future__ import annotations

from collections.abc import Collection

from broker.kernel.database import UnitOfWork
from broker.ledger import store


def match_settled(unit: UnitOfWork, account: str, org_id: int, keys: Collection[str]) -> bool:
    """Letter the postings on an account of the entries with these idempotency keys, if they sum to zero.

    Those lettered already are left out; a part payment letters nothing until the rest has come. Returns whether
    anything was lettered. The letters are dated by the newest entry among them.
    """
    found = store.unmatched_postings(unit, account, org_id, list(keys))
    if len(found) < 2 or sum(row.cents for row in found) != 0:
        return False
    store.insert_match(
        unit, account, org_id, max(row.day for row in found), [(row.entry_id, row.line) for row in found]
    )
    return True


def letters(number: int) -> str:
    """The letters of the n-th match (from 1): AAA, AAB, … ZZZ, then four of them."""
    number += 26 * 26 - 1 + 26  # after A-Z and AA-ZZ, so that there are three at least
    out = ""
    while number >= 0:
        out = chr(ord("A") + number % 26) + out
        number = number // 26 - 1
    return out
