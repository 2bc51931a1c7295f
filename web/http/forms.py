"""What people type in fields: amounts, whole numbers, days."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from broker.kernel.errors import InvalidInput

LARGEST = 2_147_483_647


def cents_of(text: str, field: str) -> int:
    """`25`, `25.5`, `25,50` or `1 250,00` euros as cents."""
    plain = re.sub(r"[\s\u00a0\u202f€]", "", text).replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,2})?", plain):
        raise InvalidInput("Write an amount in euros, for example 25.50.", code="bad_amount", field=field)
    return int(Decimal(plain) * 100)


def whole_of(text: str, field: str) -> int:
    """A whole number; spaces between thousands are taken."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not re.fullmatch(r"[0-9]{1,10}", plain) or int(plain) > LARGEST:
        raise InvalidInput("Write a whole number, 0 or more, for example 5000.", code="bad_number", field=field)
    return int(plain)


def day_of(text: str, field: str) -> date | None:
    """A day as browsers send it (2026-11-21); nothing for an empty field."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("Choose a day of the calendar.", code="bad_day", field=field) from None


def required_day(text: str, field: str) -> date:
    """A day that must be there."""
    day = day_of(text, field)
    if day is None:
        raise InvalidInput("Choose a day of the calendar.", code="bad_day", field=field)
    return day
