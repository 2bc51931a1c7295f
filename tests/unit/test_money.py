"""From micros to cents: nothing drifts however a mailing is cut, nothing is lost however it is shared."""

from __future__ import annotations

import typing
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.billing.exports.export_fec import COLUMNS, amount
from broker.billing.exports.export_journal import decimal
from broker.billing.invoices.entries import (
    deposit_credit_lines,
    deposit_lines,
    invoice_lines,
    reverse_charge_lines,
    self_bill_lines,
)
from broker.billing.invoices.mentions import mention, payment_terms
from broker.billing.model import Share, share_of_send, shares_in_cents, still_to_post
from broker.kernel.errors import IntegrityFault
from broker.kernel.money import micros_to_cents, share
from broker.ledger.model import checked, credit, debit, mirrored
from broker.ledger.vat import Party, vat_on_service

PRICES = st.integers(1, 2_000_000)
RATES = st.integers(0, 10_000)


@given(PRICES, RATES, st.integers(0, 3_000))
def test_a_sends_parts_sum_to_its_price_and_a_run_of_sends_carries_the_exact_commission(
    price: int, rate: int, sends: int
) -> None:
    shares = [share_of_send(price, rate, position) for position in range(sends)]
    assert all(part.owner + part.commission == part.gross == price for part in shares)
    assert all(0 <= part.commission <= price for part in shares)
    exact = price * rate * sends
    assert 0 <= exact - 10_000 * sum(part.commission for part in shares) < 10_000


@given(PRICES, RATES, st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_every_cut_into_batches_posts_the_total_rounded_once(price: int, rate: int, batches: list[int]) -> None:
    position = owner = commission = 0
    posted = Share(0, 0, 0)
    for batch in batches:
        for _ in range(batch):
            part = share_of_send(price, rate, position)
            position, owner, commission = position + 1, owner + part.owner, commission + part.commission
        step = still_to_post(shares_in_cents(owner, commission), posted)
        assert step.owner + step.commission == step.gross
        posted = Share(posted.gross + step.gross, posted.owner + step.owner, posted.commission + step.commission)
    assert posted.gross == micros_to_cents(price * sum(batches))
    assert posted == shares_in_cents(owner, commission)


def test_the_documented_example_does_not_drift() -> None:
    assert micros_to_cents(30_000 * 33_333) == 99_999
    assert sum(micros_to_cents(33_333) for _ in range(30_000)) == 90_000  # each send alone: 3 cents and a third lost
    assert sum(micros_to_cents(70 * 33_333) for _ in range(428)) + micros_to_cents(40 * 33_333) != 99_999
    parts = [share_of_send(33_333, 2_000, position) for position in range(30_000)]
    owner, commission = sum(part.owner for part in parts), sum(part.commission for part in parts)
    assert shares_in_cents(owner, commission) == Share(99_999, 79_999, 20_000)
    assert sum(33_333 - share(33_333, 2_000) for _ in range(30_000)) == 799_980_000  # rounded alone: two cents off


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_cents_shared_sum_to_the_gross_and_lie_within_a_cent_of_the_micros(owner: int, commission: int) -> None:
    cents = shares_in_cents(owner, commission)
    assert cents.owner + cents.commission == cents.gross == micros_to_cents(owner + commission)
    assert abs(cents.owner * 10_000 - owner) <= 10_000


@given(st.integers(0, 10**9), st.integers(0, 2_500), st.integers(0, 100), st.sampled_from(["receipt", "invoice"]))
def test_every_document_balances(net: int, bp: int, part: int, vat_due: typing.Literal["receipt", "invoice"]) -> None:
    vat = share(net + 1, bp)
    deducted = (net + 1 + vat) * part // 100
    for lines in (
        deposit_lines(net + 1, vat, 7),
        invoice_lines(net + 1, vat, deducted, 7, vat_due),
        deposit_credit_lines(net + 1, vat, 7),
        self_bill_lines(net + 1, vat, 7, vat_due),
        reverse_charge_lines(net + 1, vat, 7),
    ):
        assert checked(lines)
        assert checked(mirrored(lines))


def test_an_invoice_without_deposit_makes_its_vat_wait_for_the_money() -> None:
    lines = {line.account: line.credit_cents for line in checked(invoice_lines(100_000, 20_000, 0, 7, "receipt"))}
    assert lines == {"411": 0, "706": 100_000, "44574": 20_000}
    lines = {line.account: line.credit_cents for line in checked(invoice_lines(100_000, 20_000, 0, 7, "invoice"))}
    assert lines == {"411": 0, "706": 100_000, "44571": 20_000}


def test_an_entry_that_does_not_balance_is_refused() -> None:
    for lines in ([debit("512", 1)], [debit("512", 2), credit("706", 1)], [], [debit("512", 0), credit("706", 0)]):
        with pytest.raises(IntegrityFault):
            checked(lines)


PARIS, MARTINIQUE = Party("FR", "75002", "FR1"), Party("FR", "97200", "FR2")
GUYANE, LIEGE, ZURICH = Party("GF", "97300", "FR3"), Party("BE", "4000", "BE1"), Party("CH", "8001", "")


@pytest.mark.parametrize(
    ("seller", "buyer", "bp", "regime"),
    [
        (PARIS, PARIS, 2_000, "taxed"),
        (PARIS, MARTINIQUE, 850, "taxed"),
        (PARIS, GUYANE, 0, "exempt_overseas"),
        (PARIS, LIEGE, 0, "reverse_charge"),
        (PARIS, ZURICH, 0, "reverse_charge"),
        (LIEGE, PARIS, 0, "reverse_charge"),
        (Party("FR", "69001", ""), PARIS, 0, "franchise"),
        (MARTINIQUE, PARIS, 2_000, "taxed"),
    ],
)
def test_vat_follows_the_parties(seller: Party, buyer: Party, bp: int, regime: str) -> None:
    vat = vat_on_service(seller, buyer, 2_000)
    assert (vat.bp, vat.regime) == (bp, regime)


def test_mentions_are_there_in_both_languages_for_every_regime_and_kind() -> None:
    keys = "category late_penalty recovery discount vat_on_debits reverse_charge self_billing contest"
    for key in f"{keys} franchise exempt_overseas refund_due".split():
        for language in ("fr", "en"):
            text = mention(key, date(2026, 11, 21), language, company="C", owner="O", days="30")
            assert text
            assert "{" not in text
    assert "293 B" in mention("franchise", date(2026, 1, 1), "fr")
    with pytest.raises(IntegrityFault):
        mention("category", date(1990, 1, 1), "fr")
    assert payment_terms().owner_days <= 60


def test_fec_amounts_and_columns() -> None:
    assert len(COLUMNS) == 18
    assert [amount(cents) for cents in (20_000, 5, 123_456)] == ["200,00", "0,05", "1234,56"]
    assert [decimal(cents) for cents in (-5, -123_456, 100)] == ["-0.05", "-1234.56", "1.00"]
