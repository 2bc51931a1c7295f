"""RFM, potential and affinity on small hand-made logs and on logs simulated from the models themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from broker.insight.affinity import affinity, benjamini_hochberg
from broker.insight.order_log import OrderLog, read_order_log
from broker.insight.potential import (
    BgNbd,
    Histories,
    expected_purchases,
    expected_transaction_value,
    fit_bg_nbd,
    fit_gamma_gamma,
    histories,
    probability_alive,
)
from broker.insight.rfm import CLASSES, classify, rfm
from broker.insight.tiers import value_tiers
from broker.kernel.errors import InvalidInput


def log_of(*lines: tuple[str, int, int], **labels: list[str]) -> OrderLog:
    """An order log from (customer, day, cents)."""
    names = list(dict.fromkeys(line[0] for line in lines))
    return OrderLog(
        names,
        np.array([names.index(line[0]) for line in lines]),
        np.array([line[1] for line in lines]),
        np.array([line[2] for line in lines]),
        labels,
    )


def test_rfm_measures_are_recency_of_the_last_count_and_sum_net_of_returns() -> None:
    table = rfm(log_of(("a", 10, 5000), ("a", 20, 3000), ("a", 25, -1000), ("b", 5, 100), ("c", 40, 9)), as_of=30)
    assert table.customers == ["a", "b"]
    assert table.recency_days.tolist() == [10, 25]
    assert table.frequency.tolist() == [2, 1]
    assert table.monetary_cents.tolist() == [7000, 100]


def test_rfm_thresholds_are_type_seven_quantiles_and_a_value_on_one_belongs_above() -> None:
    table = rfm(log_of(*((str(n), n, n * 100) for n in range(1, 12))), as_of=11)
    assert table.thresholds["monetary_cents"] == [300.0, 500.0, 700.0, 900.0]
    assert table.m.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5]
    assert table.r.tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("bins", [2, 3, 5, 10])
def test_customers_who_are_all_alike_are_neither_the_best_nor_lost(bins: int) -> None:
    table = rfm(log_of(*((str(n), 7, 5000) for n in range(40))), as_of=30, bins=bins)
    middle = (bins + 1) // 2
    for scores in (table.f, table.m):
        assert scores.tolist() == [middle] * 40
    assert sum(table.class_sizes().values()) == 40
    assert table.class_sizes()["cannot_lose"] == table.class_sizes()["champions"] == table.class_sizes()["lost"] == 0


def test_a_measure_that_all_share_does_not_move_the_class() -> None:
    table = rfm(log_of(*((str(n), n, n * 100) for n in range(1, 12))), as_of=11)
    assert set(table.f.tolist()) == {3}


@given(st.integers(2, 10))
def test_every_combination_of_scores_has_a_class(bins: int) -> None:
    scores = np.array(np.meshgrid(*[np.arange(1, bins + 1)] * 3)).reshape(3, -1)
    classes = classify(*scores, bins)
    assert classes.min() >= 0
    best, worst = classes[(scores == bins).all(axis=0)][0], classes[(scores == 1).all(axis=0)][0]
    assert (CLASSES[best][0], CLASSES[worst][0]) == ("champions", "lost")


def test_histories_collapse_a_day_and_keep_free_orders_but_no_returns() -> None:
    seen = histories(log_of(("a", 0, 100), ("a", 7, 200), ("a", 7, 400), ("a", 14, 0), ("a", 20, -50)), 28, "week")
    assert (seen.x[0], seen.t_x[0], seen.observed[0], seen.mean_value[0]) == (2, 2, 4, 3.0)


def simulated(count: int, r: float, alpha: float, a: float, b: float) -> Histories:
    """Customers drawn from the BG/NBD model itself, each observed for 20 to 80 units."""
    random = np.random.default_rng(7)
    observed = random.uniform(20, 80, count)
    x, t_x = np.zeros(count), np.zeros(count)
    for who in range(count):
        rate, drop, at = random.gamma(r, 1 / alpha), random.beta(a, b), 0.0
        while (at := at + random.exponential(1 / rate)) <= observed[who]:
            x[who] += 1
            t_x[who] = at
            if random.random() < drop:
                break
    return Histories([str(who) for who in range(count)], x, t_x, observed, np.zeros(count))


def test_bg_nbd_finds_the_parameters_that_made_the_data() -> None:
    model = fit_bg_nbd(simulated(20_000, 0.8, 6.0, 1.2, 3.5))
    assert (model.r, model.alpha) == (pytest.approx(0.8, rel=0.1), pytest.approx(6.0, rel=0.1))
    assert model.a / (model.a + model.b) == pytest.approx(1.2 / 4.7, rel=0.15)


def test_bg_nbd_does_not_depend_on_the_unit_of_time() -> None:
    weeks = simulated(5_000, 0.8, 6.0, 1.2, 3.5)
    days = Histories(weeks.customers, weeks.x, weeks.t_x * 7, weeks.observed * 7, weeks.mean_value)
    by_week, by_day = fit_bg_nbd(weeks), fit_bg_nbd(days)
    assert by_day.alpha == pytest.approx(by_week.alpha * 7, rel=1e-3)
    assert by_day.r == pytest.approx(by_week.r, rel=1e-3)
    assert by_day.log_likelihood == pytest.approx(by_week.log_likelihood - weeks.x.sum() * np.log(7), rel=1e-6)


def test_expected_purchases_equal_the_formula_of_the_paper() -> None:
    model = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0)
    seen = Histories(["a", "b"], np.array([2.0, 0.0]), np.array([30.43, 0.0]), np.array([38.86, 38.86]), np.zeros(2))
    x, t_x, t, r, alpha, a, b = 2, 30.43, 39.0, 0.243, 4.414, 0.793, 2.426
    z = t / (alpha + 38.86 + t)
    top = (a + b + x - 1) / (a - 1)
    top *= 1 - ((alpha + 38.86) / (alpha + 38.86 + t)) ** (r + x) * special.hyp2f1(r + x, b + x, a + b + x - 1, z)
    bottom = 1 + a / (b + x - 1) * ((alpha + 38.86) / (alpha + t_x)) ** (r + x)
    expected = expected_purchases(model, seen, t)
    assert expected[0] == pytest.approx(top / bottom)
    assert expected[0] == pytest.approx(1.226, abs=0.001)  # the worked example of the authors' note
    assert probability_alive(model, seen)[1] == 1.0


def test_a_customer_with_a_hundred_thousand_orders_has_finite_expectations() -> None:
    model = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0)
    seen = Histories(["a"], np.array([1e5]), np.array([99.0]), np.array([100.0]), np.array([10.0]))
    assert np.isfinite(expected_purchases(model, seen, 52.0)).all()


def test_gamma_gamma_finds_the_parameters_and_draws_small_samples_to_the_mean() -> None:
    random = np.random.default_rng(3)
    x = random.integers(1, 12, 60_000).astype(float)
    rate = random.gamma(4.0, 1 / 15.0, 60_000)
    mean = random.gamma(6.0 * x, 1 / (rate * x))
    model = fit_gamma_gamma(Histories([], x, x, x, mean))
    assert (model.p, model.q) == (pytest.approx(6.0, rel=0.15), pytest.approx(4.0, rel=0.15))
    assert model.p * model.v / (model.q - 1) == pytest.approx(30.0, rel=0.02)
    own = expected_transaction_value(model, Histories([], np.array([1.0, 50.0]), x, x, np.array([100.0, 100.0])))
    assert own[0] < own[1] < 100.0


def test_tiers_keep_equal_revenues_together_and_never_raise_a_customer_without_revenue() -> None:
    assert value_tiers(np.array([50, 30, 10, 5, 5, 0])).tolist() == [2, 1, 0, 0, 0, 0]
    assert value_tiers(np.array([10, 10, 10, 10])).tolist() == [2, 2, 2, 2]
    assert value_tiers(np.array([0, -5])).tolist() == [0, 0]


def test_affinity_tells_the_surprise_first_and_nothing_of_chance() -> None:
    lines, products = [], []
    for who in range(400):
        rich = who < 100
        for product, cents, buys in (
            ("bracelet", 20_000, rich),
            ("watch", 9_000, not rich and who % 2 == 0),
            ("polish", 500, who % 3 == 0),
            ("box", 300, True),
        ):
            if buys:
                lines.append((str(who), 1, cents))
                products.append(product)
    found = affinity(log_of(*lines, product=products), "product")
    told = {(one.tier, one.item) for one in found}
    assert ("large", "bracelet") in told
    assert not any(item == "box" for _, item in told)
    assert all(one.corrected_p < 0.05 for one in found)


def test_benjamini_hochberg_on_the_textbook_example() -> None:
    corrected = benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected.tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("client,jour,montant\n", "empty_file"),
        ("client,jour,montant\na,2026-13-01,3\n", "bad_date"),
        ("client,jour,montant\na,2026-01-01,trois\n", "bad_amount"),
        ("client,jour,montant\na,2026-01-01\n", "ragged_row"),
        ("clients,jour,montant\na,2026-01-01,3\n", "unknown_column"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_with_its_reason(tmp_path: Path, content: str, code: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(content)
    with pytest.raises(InvalidInput) as refusal:
        read_order_log(file, customer="client", date_column="jour", amount="montant")
    assert refusal.value.code == code


def test_french_forms_of_dates_and_amounts_are_read(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("client;jour;montant\na;31/01/2026;1 234,50 €\n")
    log = read_order_log(file, customer="client", date_column="jour", amount="montant")
    assert log.cents.tolist() == [123_450]
