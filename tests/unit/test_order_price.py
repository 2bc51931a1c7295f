"""The arithmetic of an order: discount, re-use rate, net names, shares; laws for all inputs."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.billing.model import shares_in_cents, still_to_post
from broker.kernel.errors import InvalidInput
from broker.kernel.money import BASIS_POINTS, micros_to_cents, share
from broker.kernel.settings import TradeSettings
from broker.rentals.forecast import beta_of, predict
from broker.rentals.price import names_short, net_name_charges, price_of, run_price, split_charge
from broker.rentals.terms import Asked, settle_terms

VOLUMES = st.integers(1, 5_000_000)
PRICES = st.integers(100, 2_000_000)
RATES = st.integers(0, BASIS_POINTS)


def test_the_worked_table_of_the_docs() -> None:
    price = price_of(33_333, uses=3, reuse_bp=5_000, discount_bp=1_500)
    assert (price.first_micros, price.reuse_micros) == (28_333, 14_166)
    assert micros_to_cents(price.gross_micros(30_000, 3)) == 169_995
    charges = net_name_charges(30_000, 24_300, 8_500, 28_333, 5_000)
    assert [(one.kind, one.quantity, one.micros) for one in charges] == [
        ("net_floor", 1_200, 33_999_600),
        ("run", 4_500, 22_500_000),
    ]
    assert [one.kind for one in net_name_charges(30_000, 28_000, 8_500, 28_333, 5_000)] == ["run"]
    assert net_name_charges(30_000, 30_000, 8_500, 28_333, 5_000) == []


@given(supplied=VOLUMES, part=st.floats(0, 1), floor=RATES, price=PRICES, charge=st.integers(0, 100_000))
def test_the_net_name_clause_counts_every_name_once_and_never_costs_more_than_the_run(
    supplied: int, part: float, floor: int, price: int, charge: int
) -> None:
    mailed, run = int(supplied * part), run_price(charge, price)
    charges = {one.kind: one for one in net_name_charges(supplied, mailed, floor, price, run)}
    topped = charges["net_floor"].quantity if "net_floor" in charges else 0
    left = charges["run"].quantity if "run" in charges else supplied - mailed - topped
    assert mailed + topped + left == supplied
    assert (mailed + topped) * BASIS_POINTS >= supplied * floor
    assert topped == 0 or (mailed + topped - 1) * BASIS_POINTS < supplied * floor
    assert mailed * price + sum(one.micros for one in charges.values()) <= supplied * price


@given(micros=st.integers(0, 10**15), rate=RATES)
def test_owner_and_commission_of_a_charge_sum_to_it(micros: int, rate: int) -> None:
    owner, commission = split_charge(micros, rate)
    assert owner + commission == micros
    assert 0 <= commission * BASIS_POINTS <= micros * rate


@given(listed=PRICES, discount=st.integers(0, 9_000), reuse=st.integers(1_000, BASIS_POINTS), uses=st.integers(1, 52))
def test_a_discount_is_at_least_what_was_agreed_and_off_by_less_than_a_micro(
    listed: int, discount: int, reuse: int, uses: int
) -> None:
    price = price_of(listed, uses=uses, reuse_bp=reuse, discount_bp=discount)
    exact = listed * (BASIS_POINTS - discount)
    assert 0 <= exact - price.first_micros * BASIS_POINTS < BASIS_POINTS
    assert price.reuse_micros <= price.first_micros
    assert price_of(listed, reuse_bp=reuse, discount_bp=discount, remail=True).first_micros <= price.first_micros


@given(uses=st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=1, max_size=12), vat=RATES)
def test_uses_settled_one_by_one_sum_to_the_order_rounded_once(uses: list[tuple[int, int]], vat: int) -> None:
    """(owner, commission) micros of each use: invoices, shares and VAT add up to those of one invoice."""
    posted = shares_in_cents(0, 0)
    owner = commission = net = tax = owners = 0
    for one, other in uses:
        owner, commission = owner + one, commission + other
        step = still_to_post(shares_in_cents(owner, commission), posted)
        posted = shares_in_cents(owner, commission)
        tax += share(net + step.gross, vat) - tax
        net, owners = net + step.gross, owners + step.owner
    whole = shares_in_cents(owner, commission)
    assert (net, owners, net - owners) == (whole.gross, whole.owner, whole.commission)
    assert tax == share(whole.gross, vat)


@given(ordered=VOLUMES, mailed=VOLUMES, tolerance=st.integers(0, 5_000))
def test_a_guarantee_owes_all_or_nothing(ordered: int, mailed: int, tolerance: int) -> None:
    short = names_short(ordered, mailed, tolerance)
    missing = max(0, ordered - mailed)
    assert short in (0, missing)
    assert (short == 0) == (missing * BASIS_POINTS <= ordered * tolerance)


@pytest.mark.parametrize("asked", [{"discount_bp": BASIS_POINTS}, {"discount_bp": -1}, {"reuse_bp": 1, "uses": 2}])
def test_prices_that_come_to_nothing_are_refused(asked: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        price_of(99, **{"reuse_bp": 5_000, **asked})


DAY = datetime.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(uses=0), "bad_uses"),
        (Asked(uses=53), "bad_uses"),
        (Asked(use_until=DAY), "bad_use_until"),
        (Asked(uses=2, use_until=DAY), "bad_use_until"),
        (Asked(shortfall="some"), "bad_shortfall"),  # type: ignore[arg-type]
        (Asked(remedy="sorry"), "bad_remedy"),  # type: ignore[arg-type]
        (Asked(shortfall="guaranteed", tolerance_bp=5_001), "bad_tolerance"),
    ],
)
def test_terms_that_mean_nothing_are_refused(asked: Asked, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        settle_terms(asked, TradeSettings(), DAY, None)
    assert refusal.value.code == code


def test_a_licence_runs_a_year_from_its_send_date_unless_it_says_otherwise() -> None:
    first = DAY + datetime.timedelta(days=40)
    terms = settle_terms(Asked(uses=3), TradeSettings(), DAY, first)
    assert terms.use_until == first + datetime.timedelta(days=365)
    assert settle_terms(Asked(), TradeSettings(), DAY, first).use_until is None


def test_a_guarantee_has_a_remedy_and_an_order_up_to_its_volume_has_none() -> None:
    guaranteed = settle_terms(Asked(shortfall="guaranteed", remedy="credit"), TradeSettings(), DAY, None)
    assert (guaranteed.remedy, guaranteed.tolerance_bp) == ("credit", 500)
    plain = settle_terms(Asked(tolerance_bp=900), TradeSettings(), DAY, None)
    assert (plain.remedy, plain.tolerance_bp) == (None, 0)


SECTOR = [(20_000, 400), (20_000, 200), (20_000, 300), (20_000, 500), (20_000, 100)]  # 1.5 %, widely spread


def test_a_card_without_sends_is_forecast_by_its_sector() -> None:
    found = predict({"sector": SECTOR}, 30_000)
    assert found is not None
    clicks, low, high, rate, basis, mailings = found
    assert (clicks, basis, mailings) == (450, "sector", 5)
    assert low < 250
    assert high > 650
    assert rate == pytest.approx(0.015, rel=0.01)


def test_few_sends_of_a_card_are_shrunk_and_many_are_believed() -> None:
    few = predict({"sector": SECTOR, "card": [(20_000, 800)] * 3}, 30_000)
    many = predict({"sector": SECTOR, "card": [(20_000, 800)] * 60}, 30_000)
    assert few is not None
    assert many is not None
    assert 0.015 < few[3] < many[3] < 0.04
    assert many[3] > 0.039
    assert many[2] - many[1] < few[2] - few[1] + 200


def test_nothing_is_forecast_from_fewer_than_three_mailings() -> None:
    assert predict({}, 30_000) is None
    assert predict({"sector": SECTOR[:2], "card": SECTOR[:2]}, 30_000) is None


def test_equal_mailings_have_the_firmest_distribution_and_its_interval_is_chance() -> None:
    mean, firmness = beta_of([(50_000, 500)] * 8)
    assert mean == pytest.approx(0.01, rel=0.01)
    assert firmness == 4_000


@given(
    mailings=st.lists(
        st.integers(1_000, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=3, max_size=9
    ),
    volume=st.integers(100, 10**6),
)
def test_the_interval_holds_its_middle_and_stays_within_the_volume(
    mailings: list[tuple[int, int]], volume: int
) -> None:
    found = predict({"all": mailings}, volume)
    assert found is not None
    assert 0 <= found[1] <= found[2] <= volume * 1.05
