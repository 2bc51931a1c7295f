"""The rules of insight on numbers worked out by hand: cycles, shops, lift, mix, classes, tiers, sectors, flows."""

from __future__ import annotations

from math import erf, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from broker.insight.cycle import cycles
from broker.insight.groups import unlike_chance
from broker.insight.mail_fields import size_of, suggestions
from broker.insight.partners import neighbours, next_sectors
from broker.insight.potential import BgNbd, Histories
from broker.insight.potential_of_base import deciles, fit_table, potential_of, repeat_odds, why_not
from broker.insight.purchase_days import column_names
from broker.insight.rfm import score
from broker.insight.score_check import distribution, lift
from broker.insight.settings_model import RfmSettings, TierSettings, rfm_from_json, tiers_from_json
from broker.insight.shops import shop_trends, trend_test
from broker.insight.tiers import tiers_by
from broker.insight.triggers import trigger_rule
from broker.kernel.errors import InvalidInput
from web.http.flows import flow
from web.http.sector_reasons import SECTOR_REASONS


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def test_a_cycle_is_the_mean_interval_and_its_limit_two_deviations_more() -> None:
    # One customer on days 0, 30, 60, 90: intervals of 30, no spread; another on 0, 10, 60: intervals 10 and 50.
    found = cycles(ints(4, 3), ints(0, 0), ints(90, 60), np.array([2_700.0, 2_600.0]), 200)
    assert found.mean.tolist() == [30.0, 30.0]
    # Squared deviations: 0 and 800; squared coefficients pooled over 2 + 1 free intervals: 800 / 900 / 3.
    pooled = 800 / 900 / 3
    first = 30 + 2 * np.sqrt((0 + 2 * pooled * 900) / (2 + 2))
    second = 30 + 2 * np.sqrt((800 + 2 * pooled * 900) / (1 + 2))
    assert found.limit.tolist() == pytest.approx([first, second])
    assert found.off.tolist() == [True, True]
    assert cycles(ints(4), ints(0), ints(90), np.array([2_700.0]), 121).off.tolist() == [True]
    assert cycles(ints(4), ints(0), ints(90), np.array([2_700.0]), 119).off.tolist() == [False]


def test_it_takes_three_visits_to_know_a_cycle() -> None:
    found = cycles(ints(1, 2), ints(0, 0), ints(0, 5), np.array([0.0, 25.0]), 900)
    assert found.known.tolist() == found.off.tolist() == [False, False]


def test_thresholds_of_an_owner_go_before_quantiles_and_a_value_on_one_belongs_above() -> None:
    chosen = RfmSettings(3, {"recency_days": (30.0, 90.0), "frequency": (2.0, 5.0), "monetary_cents": (100.0, 1_000.0)})
    found = score(ints(29, 30, 90), ints(1, 2, 5), ints(99, 100, 1_000), chosen)
    assert (found.r.tolist(), found.f.tolist(), found.m.tolist()) == ([3, 2, 1], [1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"bins": 1}, "2 to 10"),
        ({"bins": 3, "thresholds": {"frequency": [1]}}, "need 2 numbers"),
        ({"bins": 3, "thresholds": {"frequence": [1, 2]}}, "no measure"),
        ({"classes": [["A", 1, 5, 1, 5], ["a", 1, 5, 1, 5]]}, "name of its own"),
        ({"classes": [["A", 4, 2, 1, 5]]}, "smaller one first"),
        ({"classes": [["A", 2, 5, 1, 5]]}, "recency 1 and value 1"),
        ({"classes": []}, "1 to 20 classes"),
    ],
)
def test_classes_that_make_no_sense_are_refused(raw: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        rfm_from_json(raw)


def test_tiers_by_amount_and_by_margin_and_their_refusals() -> None:
    amounts = TierSettings("amount", revenue_large_cents=100, revenue_medium_cents=50, margin_large_cents=30,
                           margin_medium_cents=10)  # fmt: skip
    assert tiers_by(ints(-5, 49, 50, 99, 100), amounts, "revenue").tolist() == [0, 0, 1, 1, 2]
    assert tiers_by(ints(9, 10, 30), amounts, "margin").tolist() == [0, 1, 2]
    assert tiers_by(ints(50, 30, 10, 10), TierSettings(large_bp=6_000, medium_bp=9_000), "revenue").tolist() == [
        2,
        2,
        1,
        1,
    ]
    for raw in ({"large_bp": 8_000, "medium_bp": 8_000}, {"method": "amount", "margin_medium_cents": 10**9}):
        with pytest.raises(InvalidInput):
            tiers_from_json(raw)


def test_a_level_series_expects_its_mean_and_a_collapse_is_told() -> None:
    level = np.full(13, 50.0)
    expected, p_value = trend_test(level, 50.0)
    assert expected == pytest.approx(50.0)
    assert p_value > 0.4
    # The line of thirteen equal counts has the variance 50² · (1/13 + 49/182) / 50 at the next step, a count 50.
    deviation = np.sqrt(50 + 50**2 * (1 / 13 + 49 / 182) / 50)
    lower = trend_test(level, 20.0)[1]
    assert lower == pytest.approx(float(_phi((20.5 - 50) / deviation)), rel=1e-6)


def test_shops_are_told_against_their_own_trend_not_against_each_other() -> None:
    falling = [round(100 * 0.97**step) for step in range(14)]  # falls steadily: its own trend says so
    told = {one.shop: one for one in shop_trends({
        "steady": [80] * 14, "slow": falling, "collapsed": [80] * 13 + [30], "young": [0] * 10 + [40] * 4,
        "tiny": [2] * 14,
    })}  # fmt: skip
    assert [name for name, one in told.items() if one.alert] == ["collapsed"]
    assert (told["young"].reason, told["tiny"].reason) == ("short", "few")
    assert told["slow"].change == pytest.approx(0, abs=0.03)
    assert shop_trends({}) == []


def test_lift_groups_equal_scores_and_counts_ties_half() -> None:
    scores, bought = ints(*([10] * 10 + [0] * 30)), np.array([True] * 6 + [False] * 4 + [True] * 2 + [False] * 28)
    found = lift(scores, bought)
    assert found["rate"] == 0.2
    assert [(row["high"], row["buyers"], row["lift"]) for row in found["groups"]] == [(10, 6, 3.0), (0, 2, 0.333)]
    # Pairs of a buyer and a non-buyer (8 · 32): higher 6·28, ties 6·4 + 2·28.
    assert found["auc"] == pytest.approx((6 * 28 + (6 * 4 + 2 * 28) / 2) / (8 * 32), abs=1e-4)
    assert lift(ints(1, 1, 1, 1), np.array([True, False, True, False]))["auc"] == 0.5


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=200))
def test_a_distribution_holds_every_contact_once(scores: list[int]) -> None:
    bars = distribution(ints(*scores))
    assert sum(bar["contacts"] for bar in bars) == len(scores)
    assert len(bars) <= 20
    assert all(bar["low"] <= bar["high"] for bar in bars)
    assert distribution(ints()) == []


def test_the_mix_tells_a_preference_from_buying_much() -> None:
    """200 small customers buy one thing, 100 large ones four; watches are every second thing of the small ones."""
    who, item, people = [], [], 300
    for one in range(people):
        for place in range(4 if one < 100 else 1):
            who.append(one)
            item.append(place if one < 100 else (3 if one % 2 else 0))
    large = np.arange(people) < 100
    found = {(pair.group, pair.item): pair for pair in unlike_chance([large, ~large], ints(*who), ints(*item), 4)}
    assert found[0, 3].lift > 1
    assert found[0, 3].mix_lift < 1
    assert found[1, 3].mix_lift == pytest.approx((100 / 200) / (200 / 600))
    assert found[1, 3].lift == pytest.approx((100 / 200) / (200 / 300))
    assert unlike_chance([large | ~large, large & ~large], ints(*who), ints(*item), 4) == []


@given(st.floats(0.05, 5), st.floats(0.5, 50), st.floats(0.05, 4), st.floats(0.05, 8), st.floats(1, 200))
def test_the_odds_of_all_numbers_of_purchases_add_up(r: float, alpha: float, a: float, b: float, time: float) -> None:
    model = BgNbd(r, alpha, a, b, 0.0)
    some = sum(repeat_odds(model, times, np.array([time]))[0] for times in range(60))
    assert 0 <= some <= 1 + 1e-9
    seen = Histories([], np.zeros(5), np.zeros(5), np.full(5, time), np.zeros(5))
    assert sum(row["expected"] for row in fit_table(model, seen)) == pytest.approx(5, abs=0.5)


def test_bases_too_small_get_a_reason_and_deciles_hold_everybody() -> None:
    nobody = Histories([], np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    one_day = Histories([], np.zeros(50), np.zeros(50), np.zeros(50), np.zeros(50))
    short = Histories([], np.ones(200), np.ones(200), np.full(200, 5.0), np.ones(200))
    assert [why_not(one) for one in (nobody, one_day, short)] == ["too_few", "one_day", "too_short"]
    draw = np.random.default_rng(1)
    x = draw.poisson(3, 333) * 1.0
    t_x = np.where(x > 0, draw.uniform(1, 20, 333), 0.0)
    found = potential_of(Histories([], x, t_x, np.full(333, 30.0), np.full(333, 20.0)), 90)
    assert found.reason is None
    assert found.much is None  # all means are equal: nothing can be said of values
    assert (found.purchases >= 0).all()
    assert sum(row["customers"] for row in deciles(found)) == 333


def test_columns_of_categories_are_words_and_never_the_same() -> None:
    assert column_names(["Bagues & joncs", "bagues, joncs", "Éclats d'été", "✨"]) == [
        "last_bought_bagues_joncs",
        "last_bought_bagues_joncs_2",
        "last_bought_eclats_d_ete",
        "last_bought_other",
    ]


def test_trigger_rules_say_how_near_and_leave_out_what_has_just_happened() -> None:
    assert trigger_rule("birthday", "birth_date", 7) == "birth_date_anniversary <= 7"
    assert trigger_rule("purchase", "last_bought_bagues", 0) == (
        "last_bought_bagues_anniversary = 0 and last_bought_bagues < today - 30 days"
    )
    assert trigger_rule("date", "wedding day", 3).startswith('"wedding day_anniversary" <= 3 and "wedding day" <')
    assert trigger_rule("off_cycle", "off_cycle", 3) == "off_cycle = yes"


def test_suggestions_leave_out_what_was_bought_and_take_the_right_size_first() -> None:
    offers = [SimpleNamespace(product=name, sizes=sizes) for name, sizes in
              (("a", ["50"]), ("b", None), ("c", ["54"]), ("d", ["54", "50"]), ("e", None))]  # fmt: skip
    assert suggestions(offers, {"d"}, "54") == ["c", "a", "b"]
    assert suggestions(offers, set(), None) == ["a", "b", "c"]
    assert suggestions([], {"a"}, "54") == []
    assert size_of({"couleur": "or", "Taille": "54"}) == "54"


def test_sectors_are_ranked_by_nearness_until_results_say_otherwise() -> None:
    assert next_sectors("jewellery", [])[0].sector == "services"
    past = [SimpleNamespace(sector="services", mailings=2, accepted=20_000, clickers=20),
            SimpleNamespace(sector="travel", mailings=2, accepted=20_000, clickers=380)]  # fmt: skip
    ranked = next_sectors("jewellery", past)
    assert ranked[0].sector == "travel"
    # Base rate 1 %; services: (20 + 2,000 · 1 %) / 22,000 over 1 %.
    assert next(one.ratio for one in ranked if one.sector == "services") == pytest.approx(40 / 22_000 / 0.01, abs=1e-3)
    assert next_sectors(None, []) == next_sectors("unheard of", [])
    assert all(sector not in partners for sector, partners in neighbours().items())


def test_every_reason_of_nearness_has_words_on_the_pages() -> None:
    reasons = {why for partners in neighbours().values() for _, why in partners.values() if why}
    assert reasons == set(SECTOR_REASONS)


def test_a_flow_keeps_the_sums_of_both_sides() -> None:
    moves = [{"from": "a", "to": "b", "customers": 30}, {"from": None, "to": "b", "customers": 10},
             {"from": "a", "to": "a", "customers": 60}]  # fmt: skip
    drawn = flow(moves, ("a", "b"))
    assert drawn is not None
    assert {node.name: node.customers for node in drawn.left} == {"a": 90, None: 10}
    assert {node.name: node.customers for node in drawn.right} == {"a": 60, "b": 40}
    assert [band.moved for band in drawn.bands] == [False, True, True]
    assert flow([], ("a",)) is None


def _phi(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


@pytest.mark.parametrize(
    ("both", "in_group", "buyers", "everybody"),
    [(3, 10, 5, 40), (0, 10, 5, 40), (40, 80, 60, 160), (1_200, 30_000, 4_100, 100_000), (25, 30, 26, 900)],
)
def test_the_p_value_of_a_pair_is_that_of_fishers_exact_test(
    both: int, in_group: int, buyers: int, everybody: int
) -> None:
    rest = everybody - in_group
    members = np.arange(everybody) < in_group
    who = np.concatenate([np.arange(both), in_group + np.arange(buyers - both)])
    table = [[both, in_group - both], [buyers - both, rest - buyers + both]]
    found = unlike_chance([members], who, np.zeros(buyers, dtype=np.int64), 1, level=2.0, fewest=1)
    assert found[0].p_value == pytest.approx(float(stats.fisher_exact(table)[1]), rel=1e-6)
