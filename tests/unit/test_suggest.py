"""Suggested segments find what was planted, on contacts they were not found on, and nothing where nothing is."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count

import numpy as np
import pyarrow as pa
import pytest

from broker.audience.check import check_rule
from broker.audience.columns import arrow_columns, with_derived
from broker.audience.fast_count import of_table
from broker.audience.parse import parse_rule
from broker.insight.suggest import Suggestions, Target, suggest_segments, target_of
from broker.kernel.errors import Conflict, InvalidInput

TODAY = date(2026, 11, 21)
PEOPLE = 20_000


def people(planted: bool, seed: int = 3, rows: int = PEOPLE) -> pa.Table:
    """A base where blond women of 30 to 45 buy three times as often, if `planted`; else by chance alone."""
    draw = np.random.default_rng(seed)
    gender = draw.choice(["F", "M"], rows)
    hair = draw.choice(["blond", "brown", "grey", "red"], rows)
    age = draw.integers(20, 80, rows)
    odds = np.full(rows, 0.15)
    if planted:
        odds[(gender == "F") & (hair == "blond") & (age >= 30) & (age <= 45)] = 0.6
    bought = draw.random(rows) < odds
    days = [TODAY - timedelta(days=int(given)) for given in draw.integers(1, 900, rows)]
    tags = [[tag for tag in ("golf", "cars", "wine") if draw.random() < 0.3] for _ in range(rows)]
    return pa.table(
        {
            "gender": pa.array(gender),
            "hair_colour": pa.array(hair).dictionary_encode(),
            "birth_date": pa.array([TODAY - timedelta(days=int(years) * 365 + 200) for years in age]),
            "income": pa.array(draw.integers(10, 60, rows) * 100, mask=draw.random(rows) < 0.3),
            "member": pa.array(draw.random(rows) < 0.5),
            "interests": pa.array(tags),
            "relation": pa.array(np.where(bought, "customer", "prospect")),
            "last_purchase": pa.array(days, mask=~bought),
            "spend_cents": pa.array(draw.integers(100, 9_000, rows), mask=~bought),
            "value_tier": pa.array(draw.choice(["small", "medium", "large"], rows), mask=~bought),
        }
    )


def asked(table: pa.Table, target: Target | None = None, seconds: float = 60.0) -> Suggestions:
    noise = np.random.default_rng(9).integers(-(2**63), 2**63 - 1, table.num_rows)
    columns = with_derived(arrow_columns(table.schema))
    return suggest_segments(of_table(table, 1), columns, noise, target or Target(), TODAY, seconds=seconds)


def test_what_was_planted_is_found_with_its_size_rate_and_lift() -> None:
    table = people(planted=True)
    found = asked(table)
    joint = [one for one in found.suggestions if "F" in one.rule_text and "blond" in one.rule_text]
    assert joint, [one.rule_text for one in found.suggestions]
    best = joint[0]
    checked = check_rule(parse_rule(best.rule_text), with_derived(arrow_columns(table.schema)))
    assert best.size == of_table(table, 1).count(checked, TODAY)
    assert best.lift_low > 1.5
    assert best.lift_low <= best.lift <= best.lift_high
    assert best.rate == pytest.approx(best.lift * found.rate)
    assert best.p_value < 0.001


def test_no_suggestion_rests_on_what_purchases_say_themselves() -> None:
    text = " ".join(one.rule_text for one in asked(people(planted=True)).suggestions)
    for name in ("relation", "last_purchase", "spend", "value_tier", "recency"):
        assert name not in text


def test_chance_alone_suggests_nothing() -> None:
    false_alarms = sum(bool(asked(people(planted=False, seed=seed)).suggestions) for seed in range(6))
    assert false_alarms <= 1


def test_a_trait_that_tells_the_target_by_itself_is_marked() -> None:
    table = people(planted=False)
    copied = table.append_column("fidelity_card", pa.array(table.column("last_purchase").is_valid()))
    found = asked(copied)
    assert found.suggestions[0].rule_text == "fidelity_card = true"
    assert found.suggestions[0].tells_all


def test_other_targets() -> None:
    assert asked(people(planted=True), Target("bought_within", 6)).rate < asked(people(planted=True)).rate
    assert asked(people(planted=True), Target("large")).rate < 0.1


def test_nobody_who_bought_is_told_in_a_sentence() -> None:
    table = people(planted=True).drop_columns(["last_purchase", "value_tier"])
    for target in (Target(), Target("large")):
        with pytest.raises(Conflict) as caught:
            asked(table, target)
        assert caught.value.code == "no_purchases"
    with pytest.raises(Conflict):
        asked(people(planted=True).slice(0, 0))


def test_when_the_time_is_over_what_was_seen_until_then_is_told() -> None:
    table = people(planted=True)
    ticks = count()
    found = suggest_segments(
        of_table(table, 1),
        with_derived(arrow_columns(table.schema)),
        np.random.default_rng(9).integers(0, 2**62, table.num_rows),
        Target(),
        TODAY,
        seconds=4,
        clock=lambda: float(next(ticks)),
    )
    assert 0 < found.seen < found.traits


@pytest.mark.parametrize(("kind", "months"), [("sold", 12), ("bought_within", 0), ("bought_within", True), (None, 3)])
def test_an_unknown_target_is_refused(kind: object, months: object) -> None:
    with pytest.raises(InvalidInput):
        target_of(kind, months)
