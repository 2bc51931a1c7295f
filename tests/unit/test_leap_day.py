"""29 February: periods, due dates, mandates, contests, the year's end, numbers and files."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.periods import month_of, period
from broker.billing.close_checks import bounds
from broker.billing.close_store import instants
from broker.billing.exports.check_fec import COLUMNS, check_fec
from broker.billing.exports.export_fec import fields
from broker.billing.invoices.mandate_model import Mandate
from broker.billing.invoices.mentions import mention, payment_terms
from broker.kernel.ids import dispatch_id
from broker.ledger.periods import month_of as period_of

LEAP = date(2028, 2, 29)


@pytest.mark.parametrize(
    ("month", "last"),
    [
        (date(2028, 2, 10), LEAP),
        (date(2027, 2, 10), date(2027, 2, 28)),
        (date(2100, 2, 1), date(2100, 2, 28)),  # a century is none
        (date(2000, 2, 1), date(2000, 2, 29)),  # but every fourth one is
    ],
)
def test_a_february_ends_where_the_calendar_says(month: date, last: date) -> None:
    assert bounds(month) == (month.replace(day=1), last)
    start, end = instants(*bounds(month))
    assert (end - start).days == last.day
    assert end.date() == last + timedelta(days=1)


def test_the_leap_day_belongs_to_its_month_and_its_sends_to_its_partition() -> None:
    assert period_of(LEAP) == date(2028, 2, 1) == month_of("2028-02")
    assert dispatch_id(LEAP, 7) == 202_802_000_007


def test_thirty_and_forty_five_days_are_counted_over_the_leap_day() -> None:
    terms = payment_terms()
    for issued in (date(2028, 1, 31), LEAP, date(2028, 2, 1), date(2027, 1, 31)):
        due = issued + timedelta(days=terms.advertiser_days)
        assert (due - issued).days == terms.advertiser_days <= 60  # C. com. L441-10: at most sixty days
    assert LEAP + timedelta(days=45) == date(2028, 4, 14)
    assert date(2028, 1, 31) + timedelta(days=30) == date(2028, 3, 1)


def test_a_year_that_ends_on_the_last_of_february_reaches_back_a_year() -> None:
    query: dict[str, Any] = {"from_": None, "to": LEAP}
    assert period(query, LEAP) == (date(2027, 3, 1), LEAP)
    assert period({"from_": LEAP, "to": LEAP}, LEAP) == (LEAP, LEAP)


def test_a_mandate_signed_and_ending_on_the_leap_day_holds_on_it_alone() -> None:
    mandate = Mandate(1, "mand_x", 1, "O", "M", "S", LEAP, LEAP, 30)
    assert [mandate.holds_on(LEAP + timedelta(days=days)) for days in (-1, 0, 1)] == [False, True, False]
    assert LEAP + timedelta(days=mandate.contest_days) == date(2028, 3, 30)


def test_mentions_hold_on_the_leap_day() -> None:
    for language in ("fr", "en"):
        assert mention("reverse_charge", LEAP, language)


def test_the_fec_of_a_year_that_ends_on_the_leap_day(tmp_path: Any) -> None:
    row = SimpleNamespace(
        journal="VE", journal_label="Ventes", number=1, day=LEAP, account="411", account_label="Clients",
        org_code="org_a", org_name="A", piece_ref="F", piece_day=LEAP, label="L", debit_cents=1, credit_cents=0,
        match_id=None, matched_on=None, validated_on=LEAP,
    )  # fmt: skip
    other = SimpleNamespace(**{**vars(row), "account": "706", "debit_cents": 0, "credit_cents": 1})
    for name, rules in (("732829320FEC20280229.txt", []), ("732829320FEC20270229.txt", ["name"])):
        path = tmp_path / name
        lines = ["\t".join(COLUMNS), "\t".join(fields(row, row.number)), "\t".join(fields(other, 1))]
        path.write_text("\r\n".join(lines) + "\r\n")
        assert [fault.rule for fault in check_fec(path)] == rules
