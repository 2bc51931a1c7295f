"""Order lines: amounts without a float, returns, other currencies."""

from __future__ import annotations

import io
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.bases.check_purchases import PurchaseCheck, read_cents
from broker.kernel.errors import InvalidInput

TODAY = date(2026, 11, 21)


def check(text: str, mapping: dict[str, str] | None = None) -> PurchaseCheck:
    return PurchaseCheck(io.BytesIO(text.encode()), mapping, TODAY)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12", 1200), ("12,5", 1250), ("12.50", 1250), ("1 234,56", 123456), ("1\u202f234,56 €", 123456),
        ("1.234,56", 123456), ("1,234.56", 123456), ("1.234.567", 123456700), ("-12,50", -1250), ("(12,50)", -1250),
        ("12,50-", -1250), ("+3", 300), ("0,005", 1), ("EUR 7,10", 710),
    ],
)  # fmt: skip
def test_amounts_are_read_to_the_cent(text: str, cents: int) -> None:
    values, bad = read_cents(pa.array([text]))
    assert (int(values[0]), bool(bad[0])) == (cents, False)


@pytest.mark.parametrize("text", ["douze", "12,5,3", "1.2.3", "$12", "12 USD", "--3", "9" * 13])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read_cents(pa.array([text]))[1].tolist() == [True]


@given(st.integers(-(10**11), 10**11))
def test_every_cent_is_kept(cents: int) -> None:
    sign, size = ("-", -cents) if cents < 0 else ("", cents)
    written = f"{sign}{size // 100},{size % 100:02d}"
    assert int(read_cents(pa.array([written]))[0][0]) == cents


def test_returns_are_negative_and_reasons_are_all_given() -> None:
    reader = check(
        "client;date;montant;type;devise\nC1;01/02/2025;10,00;vente;EUR\nC1;02/02/2025;4,00;Retour;EUR\n"
        "C1;02/02/2025;-4,00;retour;EUR\n;hier;x;vente;EUR\nC2;01/01/2031;5;vente;USD\n"
    )
    (lines,) = [reader.check(block) for block in reader.reader.blocks()]
    assert lines.amount_cents[:3].tolist() == [1000, -400, -400]
    reasons = [[code for code, mask in lines.reasons.items() if mask[row]] for row in range(5)]
    assert reasons == [[], [], [], ["no_customer", "no_date", "bad_amount"], ["implausible_date", "currency_not_eur"]]


@pytest.mark.parametrize(
    "text",
    [
        "client;date;montant;devise\nC1;01/02/2025;10;USD\nC2;01/02/2025;10;usd\n",
        "client;date;Amount USD\nC1;01/02/2025;10\n",
    ],
)
def test_a_file_in_another_currency_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check(text)
    assert refusal.value.code == "foreign_currency"
    assert "EUR only" in refusal.value.sentence


def test_a_file_without_date_or_customer_is_refused() -> None:
    for text, what in (("client;montant\nC1;3\n", "date"), ("date;montant\n01/01/2025;3\n", "customer")):
        with pytest.raises(InvalidInput) as refusal:
            check(text)
        assert what in refusal.value.sentence
