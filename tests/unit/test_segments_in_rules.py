"""A segment inside a segment: text and tree, binding, circles, and the same people whichever way it is counted."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience.check import check_rule
from broker.audience.coded import NotCoded
from broker.audience.columns import Column
from broker.audience.fast_count import of_table
from broker.audience.model import SavedRule
from broker.audience.parse import parse_rule
from broker.audience.references import bind, names_for_text, unbound
from broker.audience.rule import clean_rule, fields_of, rule_hash, segments_named
from broker.audience.write_rule import rule_text
from broker.kernel.errors import InvalidInput
from tests.unit.rule_oracle import oracle_of
from tests.unit.test_fast_count import ROW, SCHEMA, TODAY, general, rules

COLUMNS = [Column("a", "number"), Column("segment", "category")]


def saved(code: str, text: str, name: str = "") -> SavedRule:
    return SavedRule(code, name or code, parse_rule(text))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("segment seg_1", {"seg_1"}),
        ('not segment "Jeunes femmes" and a = 1', {"Jeunes femmes"}),
        ("SEGMENT «Été 2026» or segment 2026", {"Été 2026", "2026"}),
        ('segment "in"', {"in"}),
        ("segment = gold", set()),
        ("segment not in (gold, silver) and segment is missing", set()),
        ("segment starts with g or a = 1", set()),
    ],
)
def test_a_segment_is_named_by_code_or_name_and_a_field_may_still_be_called_segment(text: str, named: set[str]) -> None:
    rule = parse_rule(text)
    assert segments_named(rule) == named
    assert parse_rule(rule_text(rule)) == rule
    assert clean_rule(rule) == rule


def test_the_text_shows_todays_name_and_the_code_where_names_would_not_tell() -> None:
    rule = clean_rule({"op": "segment", "segment": "seg_1"})
    assert rule_text(rule, {"seg_1": "Young women"}) == 'segment "Young women"'
    assert rule_text(rule) == "segment seg_1"
    assert names_for_text({"seg_1": "a", "seg_2": "b", "seg_3": "b", "seg_4": "seg_1"}) == {"seg_1": "a"}


def test_selects_of_a_card_never_reach_another_segment() -> None:
    assert fields_of(parse_rule("a = 1 and segment seg_1")) == {"a", "segment seg_1"}


def test_untrusted_json_cannot_bring_its_own_rule_for_a_segment() -> None:
    with pytest.raises(InvalidInput):
        clean_rule({"op": "segment", "segment": "seg_1", "rule": {"op": "all"}})


def test_binding_finds_segments_by_code_and_name_and_goes_back() -> None:
    known = [saved("seg_1", "a = 1", "Ones"), saved("seg_2", "segment seg_1 or a = 2")]
    bound = bind(parse_rule("segment Ones and not segment seg_2"), COLUMNS, known)
    assert unbound(bound) == parse_rule("segment seg_1 and not segment seg_2")
    inner = bound["rules"][1]["rule"]["rule"]
    assert inner["rules"][0]["rule"] is bound["rules"][0]["rule"]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("segment seg_9", "unknown_segment", "seg_9"),
        ("segment twin", "ambiguous_segment", "code"),
        ("segment seg_a", "segment_circle", "itself through others"),
        ("segment seg_self", "segment_circle", "names itself"),
        ("segment gone", "unknown_field", 'In the segment "gone"'),
    ],
)
def test_what_cannot_be_bound_is_refused_with_a_sentence(text: str, code: str, says: str) -> None:
    known = [
        saved("seg_3", "a = 1", "twin"),
        saved("seg_4", "a = 2", "twin"),
        saved("seg_a", "segment seg_b"),
        saved("seg_b", "a = 1 or segment seg_a"),
        saved("seg_self", "not segment seg_self"),
        saved("gone", "colour = red"),
    ]
    with pytest.raises(InvalidInput) as caught:
        bind(parse_rule(text), COLUMNS, known)
    assert caught.value.code == code
    assert says in caught.value.sentence


def test_a_rule_to_be_saved_may_not_name_its_own_segment() -> None:
    known = [saved("seg_1", "a = 1"), saved("seg_2", "segment seg_1")]
    with pytest.raises(InvalidInput) as caught:
        bind(parse_rule("a = 2 or segment seg_2"), COLUMNS, known, own="seg_1")
    assert caught.value.code == "segment_circle"


def test_ten_levels_of_ten_shared_segments_are_counted_at_once() -> None:
    """Written out, the rule would have 10¹⁰ terms."""
    known = [saved(f"s0_{place}", f"a = {place}") for place in range(10)]
    for level in range(1, 10):
        below = " or ".join(f"segment s{level - 1}_{place}" for place in range(10))
        known += [saved(f"s{level}_{place}", f"({below}) and a != {place}") for place in range(10)]
    top = parse_rule(" and ".join(f"segment s9_{place}" for place in range(10)))
    table = pa.table({"a": [number % 20 for number in range(100_003)]})
    start = time.process_time()
    bound = bind(top, COLUMNS, known)
    fast = of_table(table, 1)
    found = fast.mask(bound, TODAY)
    assert not found[np.arange(100_003) % 20 < 10].any()
    assert time.process_time() - start < 20  # written out it would not end
    connection, oracle = general(table.slice(0, 500))
    try:
        shallow = bind(parse_rule("segment s1_3 and not segment s1_4"), COLUMNS, known)
        assert oracle.mask(shallow).tolist() == fast.mask(shallow, TODAY)[:500].tolist()
    finally:
        connection.close()


def test_a_segment_of_the_general_path_does_not_slow_the_rule_around_it() -> None:
    table = pa.table({"a": list(range(50)), "d": pa.array([1, 2] * 25, pa.decimal128(9, 2))})
    columns = [Column("a", "number"), Column("d", "number")]
    bound = bind(parse_rule("segment odd and a < 10"), columns, [saved("odd", "d = 2")])
    fast = of_table(table, 1)
    with pytest.raises(NotCoded):
        fast.mask(bound, TODAY)
    asked: list[Any] = []

    def slow(rule: dict[str, Any], today: date) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        asked.append(rule)
        return np.arange(50) % 2 == 1

    fast.general = slow
    for _ in range(3):
        assert fast.count(bound, TODAY) == 5
    assert len(asked) == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(rules, min_size=2, max_size=4), st.lists(st.booleans(), min_size=8, max_size=8), st.lists(ROW, max_size=25)
)
def test_random_segments_of_segments_are_what_they_would_be_written_out(
    bodies: list[dict[str, Any]], turns: list[bool], rows: list[dict[str, Any]]
) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    oracle = oracle_of(table, TODAY)
    known, written = [], []
    for place, body in enumerate(bodies):
        parts, whole = [body], [body]
        for before in range(place):
            turn = turns[(place + before) % 8]
            named: dict[str, Any] = {"op": "segment", "segment": f"seg_{before}"}
            parts.append({"op": "not", "rule": named} if turn else named)
            whole.append({"op": "not", "rule": written[before]} if turn else written[before])
        op = "or" if turns[place] else "and"
        known.append(SavedRule(f"seg_{place}", f"n{place}", clean_rule({"op": op, "rules": parts})))
        written.append(clean_rule({"op": op, "rules": whole}))
    bound = bind(known[-1].rule, oracle.columns, known)
    wanted = oracle.mask(check_rule(written[-1], oracle.columns))
    assert oracle.mask(bound).tolist() == wanted.tolist()
    assert oracle.count(bound) == int(wanted.sum())
    fast = of_table(table, 1)
    fast.general = lambda rule, today: oracle.mask(rule)
    try:
        assert fast.mask(bound, TODAY).tolist() == wanted.tolist()
        assert fast.count(bound, TODAY) == int(wanted.sum())
    except NotCoded:
        pass


def test_the_hash_is_of_what_a_segment_says_today() -> None:
    one = bind(parse_rule("segment s"), COLUMNS, [saved("s", "a = 1")])
    other = bind(parse_rule("segment s"), COLUMNS, [saved("s", "a = 2")])
    again = bind(parse_rule("segment t"), COLUMNS, [saved("t", "a = 1")])
    assert rule_hash(one) != rule_hash(other)
    assert rule_hash(one) == rule_hash(again)
