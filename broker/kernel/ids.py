"""Public codes and dispatch numbers.

Rows have bigint keys; what people and URLs see is a random code with a prefix (`card_7m2k…`), so that nobody
counts or enumerates another's objects.
"""

from __future__ import annotations

import secrets
from datetime import date

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case: no i, l, o, u
DISPATCHES_PER_MONTH = 1_000_000


def new_code(prefix: str, length: int = 12) -> str:
    """A public code of `length` random base-32 characters (5 bits each) behind `prefix_`."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def dispatch_id(day: date, number: int) -> int:
    """`yyyymm × 10⁶ + n` (n from 1): the month's partition of the sends can be read off the number."""
    if not 0 < number < DISPATCHES_PER_MONTH:
        raise ValueError(f"dispatch number {number} is outside 1..{DISPATCHES_PER_MONTH - 1}")
    return (day.year * 100 + day.month) * DISPATCHES_PER_MONTH + number


def dispatch_month(dispatch: int) -> tuple[int, int]:
    """(year, month) of a dispatch number."""
    return divmod(dispatch // DISPATCHES_PER_MONTH, 100)
