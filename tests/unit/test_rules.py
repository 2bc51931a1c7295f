"""Rules: text to tree and back, checks, and the same answers as a plain evaluator."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audience.check import check_rule
from broker.audience.columns import Column
from broker.audience.compile import day_of
from broker.audience.parse import parse_rule, parse_with_places
from broker.audience.rule import both, clean_rule, fields_of, read_json_rule, rule_hash, terms
from broker.audience.table import RuleTable, open_duckdb
from broker.audience.write_rule import rule_text
from broker.kernel.errors import InvalidInput
from tests.unit.rule_oracle import oracle_of

TODAY = date(2026, 11, 21)


def table_of(rows: pa.Table, today: date = TODAY) -> tuple[duckdb.DuckDBPyConnection, RuleTable]:
    connection = open_duckdb(256, 1)
    connection.register("given", rows)
    connection.execute("CREATE TABLE rows AS SELECT * FROM given")
    return connection, RuleTable(connection, "rows", today)


# --- text to tree --------------------------------------------------------------------------------------------------


def test_the_documented_rule_is_read() -> None:
    rule = parse_rule(
        "gender = F and age between 15 and 35 and postcode in (75011, 01000) and not hair_colour in (grey)"
        " and recency_days <= 30 and within(15 km of 69001)"
    )
    assert rule == {
        "op": "and",
        "rules": [
            {"op": "=", "field": "gender", "value": "F"},
            {"op": "between", "field": "age", "low": 15, "high": 35},
            {"op": "in", "field": "postcode", "values": [75011, "01000"]},
            {"op": "not", "rule": {"op": "in", "field": "hair_colour", "values": ["grey"]}},
            {"op": "<=", "field": "recency_days", "value": 30},
            {"op": "within", "km": 15, "postcode": "69001"},
        ],
    }


def test_not_binds_before_and_before_or() -> None:
    assert parse_rule("a = 1 or not b = 2 and c = 3") == parse_rule("a = 1 or ((not (b = 2)) and c = 3)")


@pytest.mark.parametrize("text", ["", "   ", "all", "ALL"])
def test_an_empty_rule_is_everybody(text: str) -> None:
    assert parse_rule(text) == {"op": "all"}


def test_values_may_be_accented_quoted_relative_and_negative() -> None:
    rule = parse_rule("""ville = Orléans and teinte = "blond vénitien" and nom = « L'Été » and d >= today-2 months
        and n > -2.5 and "champ à espaces" = 'l\\'eau'""")
    assert [term["value"] for term in terms(rule)] == [
        "Orléans",
        "blond vénitien",
        "L'Été",
        {"today": -2, "unit": "months"},
        -2.5,
        "l'eau",
    ]
    assert "champ à espaces" in fields_of(rule)


def test_decomposed_accents_are_the_same_value() -> None:
    assert parse_rule("ville = Orle\u0301ans") == parse_rule("ville = Orléans")


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("gender F", 8, "comparison"),
        ("a = ", 5, "value"),
        ("(a = 1", 7, "')'"),
        ("a = 1 b", 7, "quotes"),
        ("within(15 of 69001)", 11, "km"),
        ("a = 'x", 5, "never closed"),
        ("a in (1,", 9, "value"),
        ("and", 1, "field"),
        ("a = €", 5, "no meaning"),
        ("a between 1 or 2", 13, "highest"),
        ("d > today - x days", 13, "whole number"),
        ("a is 3", 6, "missing"),
    ],
)
def test_a_fault_names_its_place(text: str, position: int, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_rule(text)
    assert caught.value.code == "bad_rule"
    assert caught.value.details["position"] == position
    assert says in caught.value.sentence


def test_five_hundred_terms_and_long_chains_stay_shallow() -> None:
    text = " or ".join(f"a = {number}" for number in range(4_000))
    assert len(parse_rule(text)["rules"]) == 4_000
    chain: dict[str, Any] = {"op": "=", "field": "a", "value": 0}
    for number in range(400):
        chain = {"op": "and", "rules": [chain, {"op": "=", "field": "a", "value": number}]}
    assert len(clean_rule(chain)["rules"]) == 401
    assert parse_rule("not " * 20_001 + "a = 1") == parse_rule("not a = 1")


def test_too_deep_and_too_long_rules_are_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidInput, match="deep"):
        parse_rule("(" * 5_000 + "a = 1" + ")" * 5_000)
    deep: dict[str, Any] = {"op": "=", "field": "a", "value": 0}
    for number in range(200):
        deep = {"op": ("and", "or")[number % 2], "rules": [deep, {"op": "=", "field": "a", "value": number}]}
    with pytest.raises(InvalidInput, match="deep"):
        clean_rule(deep)
    with pytest.raises(InvalidInput, match="terms"):
        parse_rule(" or ".join(f"a = {number}" for number in range(5_001)))
    with pytest.raises(InvalidInput, match="nested"):
        read_json_rule('{"op": "not", "rule": ' * 100_000)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {"op": "and", "rules": []},
        {"op": "=", "field": "a"},
        {"op": "=", "field": "a", "value": None},
        {"op": "=", "field": "a", "value": 1, "extra": 2},
        {"op": "within", "km": -1, "postcode": "75001"},
        {"op": "in", "field": "a", "values": []},
        {"op": "drop", "field": "a"},
        {"op": "=", "field": "a", "value": {"today": 1.5, "unit": "days"}},
    ],
)
def test_malformed_trees_are_refused(raw: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_rule(raw)
    assert caught.value.code == "bad_rule"


# --- random trees ----------------------------------------------------------------------------------------------------

texts = st.sampled_from(
    ["F", "M", "grey", "blond vénitien", "01000", "75011", "and", 'a"b', "back\\slash", "-", "1.50"]
)
numbers = st.one_of(
    st.integers(-50, 120), st.floats(-100, 100, allow_nan=False).map(lambda number: round(number, 3))
).filter(lambda number: not (isinstance(number, float) and number == int(number)))
days = st.one_of(
    st.dates(date(2024, 1, 1), date(2027, 1, 1)).map(str),
    st.fixed_dictionaries(
        {"today": st.integers(-40, 40), "unit": st.sampled_from(["days", "weeks", "months", "years"])}
    ),
)


def ordered(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    compare = st.builds(
        lambda op, value: {"op": op, "field": field, "value": value},
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        values,
    )
    return st.one_of(compare, among(field, values))


def among(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(values, min_size=1, max_size=3).map(lambda found: {"op": "in", "field": field, "values": found})


def between(field: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(numbers, numbers).map(
        lambda pair: {"op": "between", "field": field, "low": min(pair), "high": max(pair)}
    )


def with_text(op: str, field: str) -> st.SearchStrategy[dict[str, Any]]:
    return texts.map(lambda value: {"op": op, "field": field, "value": value})


leaves = st.one_of(
    with_text("=", "colour"),
    with_text("!=", "colour"),
    with_text("starts with", "colour"),
    among("colour", texts),
    ordered("amount", numbers),
    between("amount"),
    ordered("age", st.integers(-2, 60)),
    ordered("bought", days),
    ordered("recency_days", st.integers(-30, 900)),
    st.booleans().map(lambda value: {"op": "=", "field": "known", "value": value}),
    with_text("has", "tags"),
    st.sampled_from(["colour", "amount", "bought", "known", "tags", "age", "birth_date"]).map(
        lambda field: {"op": "missing", "field": field}
    ),
    st.just({"op": "all"}),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda rule: {"op": "not", "rule": rule}),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=4)).map(
            lambda pair: {"op": pair[0], "rules": pair[1]}
        ),
    ),
    max_leaves=8,
).map(clean_rule)


@settings(deadline=None)
@given(rules)
def test_text_and_tree_are_the_same_rule(rule: dict[str, Any]) -> None:
    assert parse_rule(rule_text(rule)) == rule
    assert clean_rule(json.loads(json.dumps(rule))) == rule
    assert rule_hash(parse_rule(rule_text(rule))) == rule_hash(rule)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "colour": st.none() | texts,
            "amount": st.none() | st.just(float("nan")) | numbers.map(float),
            "bought": st.none() | st.dates(date(2024, 1, 1), date(2027, 1, 1)),
            "known": st.none() | st.booleans(),
            "tags": st.none() | st.lists(texts, max_size=3),
            "birth_date": st.none() | st.dates(date(1970, 1, 1), date(2026, 11, 20)) | st.just(date(2000, 2, 29)),
        }
    ),
    max_size=12,
)
SCHEMA = pa.schema(
    [
        ("colour", pa.string()),
        ("amount", pa.float64()),
        ("bought", pa.date32()),
        ("known", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("birth_date", pa.date32()),
        ("last_purchase", pa.date32()),
    ]
)


def plain_answer(rule: dict[str, Any], row: dict[str, Any], today: date) -> bool:
    """The rule on one row in plain Python: a condition on a missing value is false, not takes all others."""
    op = rule["op"]
    if op == "all":
        return True
    if op == "not":
        return not plain_answer(rule["rule"], row, today)
    if op in ("and", "or"):
        answers = [plain_answer(part, row, today) for part in rule["rules"]]
        return all(answers) if op == "and" else any(answers)
    value = plain_field(rule["field"], row, today)
    if op == "missing":
        return value is None
    if op == "!=":
        return not plain_answer({**rule, "op": "="}, row, today)
    if value is None:
        return False
    if op == "between":
        return bool(rule["low"] <= value <= rule["high"])
    if op == "in":
        return any(value == plain_value(other, value, today) for other in rule["values"])
    other = plain_value(rule["value"], value, today)
    if op == "starts with":
        return bool(value.startswith(other))
    if op == "has":
        return other in value
    return (
        {"=": value == other, "<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}[op]
        if op != "="
        else bool(value == other)
    )


def plain_field(name: str, row: dict[str, Any], today: date) -> Any:
    if name == "age":
        born = row["birth_date"]
        if born is None:
            return None
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if name == "recency_days":
        return None if row["bought"] is None else (today - row["bought"]).days
    value = row[name]
    return None if isinstance(value, float) and value != value else value


def plain_value(value: Any, like: Any, today: date) -> Any:
    if isinstance(like, date):
        if isinstance(value, str):
            return date.fromisoformat(value)
        count, unit = value["today"], value["unit"]
        if unit in ("days", "weeks"):
            return today + timedelta(days=count * (7 if unit == "weeks" else 1))
        months = today.month - 1 + count * (12 if unit == "years" else 1)
        year, month, day = today.year + months // 12, months % 12 + 1, today.day
        while True:
            try:
                return date(year, month, day)
            except ValueError:
                day -= 1
    return value


@settings(deadline=None, max_examples=60)
@given(st.lists(rules, min_size=1, max_size=12), ROWS, st.sampled_from([TODAY, date(2024, 2, 29), date(2025, 3, 31)]))
def test_random_rules_answer_like_plain_python(
    asked: list[dict[str, Any]], rows: list[dict[str, Any]], today: date
) -> None:
    full = [{**row, "last_purchase": row["bought"]} for row in rows]
    table = oracle_of(pa.Table.from_pylist(full, schema=SCHEMA), today)
    for rule in asked:
        wanted = [plain_answer(rule, row, today) for row in rows]
        checked = check_rule(rule, table.columns)
        assert table.mask(checked).tolist() == wanted, rule_text(rule)
        assert table.count(checked) == sum(wanted), rule_text(rule)


@settings(deadline=None, max_examples=25)
@given(rules, ROWS)
def test_a_rule_and_its_opposite_make_everybody(rule: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    full = [{**row, "last_purchase": row["bought"]} for row in rows]
    table = oracle_of(pa.Table.from_pylist(full, schema=SCHEMA), TODAY)
    checked = check_rule(rule, table.columns)
    assert table.count(checked) + table.count(clean_rule({"op": "not", "rule": checked})) == len(rows)


# --- checks ----------------------------------------------------------------------------------------------------------

COLUMNS = [
    Column("gender", "category"),
    Column("age", "number"),
    Column("last_purchase", "date"),
    Column("has_phone", "bool"),
    Column("interests", "tags"),
    Column("postcode", "category"),
]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("gendr = F", "unknown_field", '"gender"'),
        ("interest has golf", "unknown_field", '"interests"'),
        ("gender < F", "wrong_type", "is a category"),
        ("age = forty", "wrong_type", "is a number"),
        ("age between 35 and 15", "wrong_type", "lowest"),
        ("last_purchase = 2026-02-30", "wrong_type", "calendar"),
        ("last_purchase = F", "wrong_type", "is a date"),
        ("has_phone = 1", "wrong_type", "true or false"),
        ("interests = golf", "wrong_type", "has"),
        ("within(5 km of 99999)", "unknown_postcode", "post code"),
    ],
)
def test_a_rule_that_makes_no_sense_gets_a_sentence(text: str, code: str, says: str) -> None:
    rule, places = parse_with_places(f"age > 3 and {text}")
    with pytest.raises(InvalidInput) as caught:
        check_rule(rule, COLUMNS, places)
    assert caught.value.code == code
    assert says in caught.value.sentence
    assert caught.value.details["position"] == 13


def test_fields_are_found_in_any_case_and_values_take_the_columns_type() -> None:
    checked = check_rule(parse_rule("GENDER = F and Postcode in (75011, 01000) and age = 30"), COLUMNS)
    assert [term["field"] for term in terms(checked)] == ["gender", "postcode", "age"]
    assert checked["rules"][1]["values"] == ["75011", "01000"]


def test_months_keep_the_day_where_it_exists() -> None:
    assert day_of({"today": -1, "unit": "months"}, date(2026, 3, 31)) == date(2026, 2, 28)
    assert day_of({"today": 1, "unit": "years"}, date(2024, 2, 29)) == date(2025, 2, 28)
    assert day_of({"today": -100_000, "unit": "years"}, TODAY).year == 1


def test_both_joins_flat_and_everybody_adds_nothing() -> None:
    one, two = parse_rule("a = 1 and b = 2"), parse_rule("c = 3")
    assert len(both(one, two)["rules"]) == 3
    assert both({"op": "all"}, two) == two
    assert both(one, None) == one


# --- places ----------------------------------------------------------------------------------------------------------


def test_distance_takes_the_post_codes_around() -> None:
    rows = pa.table({"postcode": ["69001", "69100", "69400", "75011", None]})
    connection, table = table_of(rows)
    # Villeurbanne touches Lyon; Villefranche-sur-Saône lies 27 km north of it.
    assert table.mask(parse_rule("within(10 km of 69001)")).tolist() == [True, True, False, False, False]
    assert table.count(parse_rule("within(40 km of 69001)")) == 3
    assert table.count(parse_rule("not within(40 km of 69001)")) == 2
    connection.close()


def test_department_and_region_follow_from_the_post_code() -> None:
    rows = pa.table({"postcode": ["01000", "20000", "20200", "97400", "75011", "foreign", None]})
    connection, table = table_of(rows)
    found = table.texts("department").to_pylist()
    assert found == ["01", "2A", "2B", "974", "75", None, None]
    assert table.count(parse_rule("region = Corse")) == 2
    assert table.count(parse_rule("department in (01, 75)")) == 2
    connection.close()


def test_numeric_post_codes_get_their_zero_back() -> None:
    connection, table = table_of(pa.table({"postcode": [1000, 69001]}))
    assert table.count(parse_rule("department = 01")) == 1
    assert table.count(parse_rule("within(5 km of 69001)")) == 1
    connection.close()


def test_a_rule_of_five_hundred_terms_is_counted() -> None:
    connection, table = table_of(pa.table({"n": list(range(1_000)), "g": ["F", None] * 500}))
    text = " or ".join(f"(n = {number} and not g = M{number})" for number in range(500))
    assert table.count(parse_rule(text)) == 500
    connection.close()
