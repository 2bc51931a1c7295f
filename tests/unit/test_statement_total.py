"""The sums under an owner's statement."""

from __future__ import annotations

from datetime import date

from broker.billing.statements import StatementRow, StatementTotal, statement_total

DAY = date(2028, 2, 29)


def row(sends: int, cents: int, paid_on: date | None) -> StatementRow:
    return StatementRow("mailing_x", DAY, sends, sends - 1, cents * 10_000, "AF-1", cents, 0, cents, 1, "", paid_on)


def test_what_is_not_paid_is_in_the_total_and_not_in_what_was_paid() -> None:
    assert statement_total([row(10, 300, DAY), row(5, 101, None)]) == StatementTotal(15, 13, 4_010_000, 401, 2, 300)
    assert statement_total([]) == StatementTotal(0, 0, 0, 0, 0, 0)
