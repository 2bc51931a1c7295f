"""Periods as people type them: the calendar's ends, exchanged days, a leap day."""

from __future__ import annotations

from datetime import date

import pytest

from api.periods import period
from broker.billing.close_checks import bounds
from broker.billing.close_store import instants
from broker.kernel.errors import InvalidInput
from broker.kernel.period import EARLIEST, LATEST, require_period

DAY = date(2028, 2, 29)


@pytest.mark.parametrize(
    ("first", "last", "code", "field"),
    [
        (date.min, DAY, "bad_year", "from"),
        (DAY, date.max, "bad_year", "to"),
        (DAY, date(2028, 2, 28), "bad_period", "to"),
    ],
)
def test_a_period_that_no_company_keeps_is_refused(first: date, last: date, code: str, field: str) -> None:
    for ask in (lambda: require_period(first, last), lambda: period({"from_": first, "to": last}, DAY)):
        with pytest.raises(InvalidInput) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.field) == (code, field)


def test_the_first_and_the_last_day_that_are_taken_have_their_instants() -> None:
    require_period(EARLIEST, LATEST)
    require_period(DAY, DAY)
    start, end = instants(EARLIEST, LATEST)
    assert (start.year, end.year) == (1980, 2108)


@pytest.mark.parametrize("month", [date(1, 1, 1), date(9999, 12, 1)])
def test_no_month_at_the_calendars_end_is_closed(month: date) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bounds(month)
    assert refusal.value.code == "bad_year"
