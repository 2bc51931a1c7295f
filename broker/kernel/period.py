"""Spans of days that people ask about."""

from __future__ import annotations

from datetime import date

from broker.kernel.errors import InvalidInput

# The days that a zip archive can write (APPNOTE 4.4.6): an archive of invoices is dated by its period.
EARLIEST, LATEST = date(1980, 1, 1), date(2107, 12, 31)


def require_period(first: date, last: date) -> None:
    """Refuse days of no calendar that a company keeps (`bad_year`), and an end before the start (`bad_period`)."""
    require_day(first, "from")
    require_day(last, "to")
    if last < first:
        raise InvalidInput(
            f"The period ends on {last.isoformat()}, before it starts on {first.isoformat()}: exchange from and to.",
            code="bad_period",
            field="to",
        )


def require_day(day: date, field: str) -> None:
    """Refuse a day outside the years 1980 to 2107 (`bad_year`)."""
    if not EARLIEST <= day <= LATEST:
        raise InvalidInput(f"Choose a day in the years {EARLIEST.year} to {LATEST.year}.", code="bad_year", field=field)
