"""The fast path of counts gives the general path's answers, whatever the rule and the rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience.breakdown import general_codes
from broker.audience.check import check_rule
from broker.audience.coded import NotCoded
from broker.audience.fast_count import of_table
from broker.audience.parse import parse_rule
from broker.audience.profile_codes import profile_codes
from broker.audience.rule import clean_rule
from broker.audience.scan import BLOCK, key_sum
from broker.audience.table import RuleTable, open_duckdb
from broker.audience.write_rule import rule_text
from tests.unit.rule_oracle import oracle_of

TODAY = date(2026, 11, 21)
DAYS = [
    date(2000, 2, 29),
    date(1990, 11, 21),
    date(1990, 11, 22),
    date(2026, 11, 20),
    date(2026, 11, 21),
    date(2025, 2, 28),
]
TEXTS = ["grey", "Grey", "châtain", "", "gr", "été"]
POSTCODES = ["75011", "69001", "20100", "20200", "97400", "98800", "7501", "ABCDE", "69002", "00000", "75011\n"]
SCHEMA = pa.schema(
    [
        ("colour", pa.dictionary(pa.int32(), pa.string())),
        ("postcode", pa.string()),
        ("amount", pa.float64()),
        ("income", pa.int64()),
        ("birth_date", pa.date32()),
        ("first_purchase", pa.date32()),
        ("last_purchase", pa.date32()),
        ("last_click", pa.date32()),
        ("consent_at", pa.timestamp("us", tz="UTC")),
        ("seen", pa.timestamp("us")),
        ("spend_cents", pa.int64()),
        ("member", pa.bool_()),
        ("interests", pa.list_(pa.string())),
    ]
)
moments = st.datetimes(datetime(1960, 1, 1), datetime(2027, 1, 1))  # noqa: DTZ001 - the plain column has no zone
ROW = st.fixed_dictionaries(
    {
        "colour": st.none() | st.sampled_from(TEXTS),
        "postcode": st.none() | st.sampled_from(POSTCODES),
        "amount": st.none() | st.sampled_from([float("nan"), float("inf"), -0.0, 0.0, 0.1, 12.5, -3.0, 1e300]),
        "income": st.none() | st.integers(-5, 5) | st.sampled_from([-(2**63), 2**63 - 1, 2**53 + 1]),
        "birth_date": st.none() | st.sampled_from(DAYS) | st.dates(date(1920, 1, 1), date(2026, 1, 1)),
        "first_purchase": st.none() | st.sampled_from(DAYS),
        "last_purchase": st.none() | st.sampled_from(DAYS) | st.dates(date(2024, 1, 1), date(2027, 1, 1)),
        "last_click": st.none() | st.sampled_from(DAYS),
        "consent_at": st.none() | moments.map(lambda moment: moment.replace(tzinfo=UTC)),
        "seen": st.none() | moments,
        "spend_cents": st.none() | st.integers(-300, 300),
        "member": st.none() | st.booleans(),
        "interests": st.none() | st.lists(st.sampled_from(["golf", "cars", "golf clubs"]), max_size=3),
    }
)
numbers = st.integers(-6, 40) | st.sampled_from([0.1, 12.5, -3.0, 0.5, 2**53 + 1, 0])
days = (
    st.sampled_from(DAYS).map(date.isoformat)
    | st.sampled_from(["1969-12-31", "2026-01-01"])
    | st.builds(
        lambda count, unit: {"today": count, "unit": unit if count else "days"},
        st.integers(-40, 3),
        st.sampled_from(["days", "weeks", "months", "years"]),
    )
)
NUMBER_FIELDS = (
    "amount",
    "income",
    "age",
    "birthday_month",
    "recency_days",
    "click_days",
    "tenure_days",
    "spend",
    "spend_cents",
)
TEXT_FIELDS = ("colour", "postcode", "department", "region")
DAY_FIELDS = ("birth_date", "last_purchase", "consent_at", "seen")


def ordered(fields: tuple[str, ...], values: Any) -> Any:
    """Comparisons, ranges and sets on fields that have an order."""
    field = st.sampled_from(fields)
    return st.one_of(
        st.builds(
            lambda op, name, value: {"op": op, "field": name, "value": value},
            st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
            field,
            values,
        ),
        st.builds(
            lambda name, one, other: {
                "op": "between",
                "field": name,
                "low": min(one, other) if not isinstance(one, dict | str) else one,
                "high": max(one, other) if not isinstance(one, dict | str) else other,
            },
            field,
            values,
            values,
        ),
        st.builds(
            lambda name, some: {"op": "in", "field": name, "values": some},
            field,
            st.lists(values, min_size=1, max_size=6),
        ),
    )


words = st.sampled_from([*TEXTS, *POSTCODES, "75", "2A", "974", "Île-de-France"])
leaves = st.one_of(
    st.just({"op": "all"}),
    ordered(NUMBER_FIELDS, numbers),
    ordered(DAY_FIELDS, days),
    st.builds(
        lambda op, name, value: {"op": op, "field": name, "value": value},
        st.sampled_from(["=", "!=", "starts with"]),
        st.sampled_from(TEXT_FIELDS),
        words,
    ),
    st.builds(
        lambda name, some: {"op": "in", "field": name, "values": some},
        st.sampled_from(TEXT_FIELDS),
        st.lists(words, min_size=1, max_size=6),
    ),
    st.builds(
        lambda op, value: {"op": op, "field": "member", "value": value}, st.sampled_from(["=", "!="]), st.booleans()
    ),
    st.builds(
        lambda tag: {"op": "has", "field": "interests", "value": tag}, st.sampled_from(["golf", "cars", "clubs", ""])
    ),
    st.builds(
        lambda name: {"op": "missing", "field": name},
        st.sampled_from([*NUMBER_FIELDS, *TEXT_FIELDS, *DAY_FIELDS, "member", "interests"]),
    ),
    st.builds(
        lambda km, code: {"op": "within", "km": km, "postcode": code}, st.sampled_from([1, 30, 900]), st.just("69001")
    ),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda op, parts: {"op": op, "rules": parts},
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=5),
        ),
        st.builds(lambda part: {"op": "not", "rule": part}, inner),
    ),
    max_leaves=10,
).map(clean_rule)


def general(rows: pa.Table) -> tuple[duckdb.DuckDBPyConnection, RuleTable]:
    connection = open_duckdb(256, 1)
    connection.register("given", rows)
    connection.execute("CREATE TABLE rows AS SELECT * FROM given")
    return connection, RuleTable(connection, "rows", TODAY)


@settings(max_examples=40, deadline=None)
@given(st.lists(rules, min_size=3, max_size=8), st.lists(ROW, max_size=25))
def test_random_rules_get_the_general_paths_answers(asked: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    fast = of_table(table, 1)
    oracle = oracle_of(table, TODAY)
    for rule in asked:
        checked = check_rule(rule, oracle.columns)
        wanted = oracle.mask(checked)
        try:
            found = fast.mask(checked, TODAY)
        except NotCoded:
            continue  # the general path answers
        assert found.tolist() == wanted.tolist(), rule_text(rule)
        assert fast.count(checked, TODAY) == int(wanted.sum())
        reasons = (np.arange(len(rows)) % 3).astype(np.uint8)
        scan = fast.left(checked, TODAY, reasons, 2)
        assert scan.left.tolist() == (wanted & (reasons == 0)).tolist()
        assert scan.taken.tolist() == np.bincount(reasons[wanted], minlength=3).tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_many_blocks_in_threads_give_the_same(threads: int) -> None:
    draw = np.random.default_rng(7)
    rows = BLOCK * 9 + 123
    table = pa.table(
        {
            "colour": pa.array(draw.choice(np.array(["a", "b", "c", "d"]), rows)).dictionary_encode(),
            "income": pa.array(draw.integers(0, 100_000, rows), mask=draw.random(rows) < 0.1),
            "postcode": pa.array([f"{code:05d}" for code in draw.integers(1_000, 9_000, rows)]),
        }
    )
    fast = of_table(table, threads)
    connection, oracle = general(table)
    text = (
        "colour in (a, c) and postcode in (01234, 02345, 03456, 04567, 05678, 06789) or not income between 5 and 99000"
    )
    try:
        rule = check_rule(parse_rule(text), oracle.columns)
        wanted = oracle.mask(rule)
        assert (fast.mask(rule, TODAY) == wanted).all()
        assert fast.count(rule, TODAY) == int(wanted.sum())
        noise = draw.integers(-(2**63), 2**63 - 1, rows)
        assert key_sum(noise, wanted, threads) == int(noise.view(np.uint64)[wanted].sum(dtype=np.uint64))
    finally:
        connection.close()


def test_all_that_asks_about_one_column_is_one_test() -> None:
    table = pa.table({"a": list(range(1_000)), "b": ["x"] * 1_000})
    fast = of_table(table, 1)
    chain = " or ".join(f"a = {number}" for number in range(500))
    assert fast.count(check_rule(parse_rule(f"not ({chain}) and b = x"), general(table)[1].columns), TODAY) == 500


def test_what_is_not_coded_is_left_to_the_general_path() -> None:
    table = pa.table({"d": pa.array([1, 2], pa.decimal128(9, 2)), "f": pa.array([1.5, 2.5], pa.float32())})
    for text in ("d = 1", "f < 2"):
        with pytest.raises(NotCoded):
            of_table(table, 1).count(parse_rule(text), TODAY)


@settings(max_examples=15, deadline=None)
@given(st.lists(ROW, max_size=60), st.integers(0, 2**31))
def test_a_profile_gets_the_general_paths_sums(rows: list[dict[str, Any]], seed: int) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    draw = np.random.default_rng(seed)
    noise = draw.integers(-(2**63), 2**63 - 1, len(rows))
    members = draw.random(len(rows)) < 0.7
    oracle = oracle_of(table, TODAY)
    names = ("colour", "age", "region", "recency_days", "unknown")
    known = frozenset(column.name for column in oracle.columns)
    found = profile_codes(of_table(table, 1), names, known, TODAY).sums(members, noise, 1)
    assert list(found) == [name for name in names if name in known]
    for name, sums in found.items():
        codes, values = general_codes(oracle, name)
        masks = [members & (codes == code) for code in range(len(values))]
        assert sums.values == values
        assert sums.counts.tolist() == [int(np.count_nonzero(mask)) for mask in masks]
        assert sums.keys.tolist() == [key_sum(noise, mask, 1) for mask in masks]
