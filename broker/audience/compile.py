"""Rule tree to Ibis expression, once; the expression then runs on DuckDB or on a cluster.

**Missing values.** A condition on a missing value is false, and `not` takes everybody else: `hair_colour not in
(grey)` and `hair_colour != grey` take people of unknown colour too, so that a rule and its opposite always make up
everybody. SQL's third value never decides: `not` is pushed down to the conditions, where it becomes `NOT coalesce(…,
false)`; between positive conditions a NULL can only ever act as false.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from broker.audience.check import check_rule
from broker.audience.columns import HIDDEN, Column, ColumnType, with_derived
from broker.audience.derive import derived_field
from broker.audience.places import postcodes_within
from broker.audience.rule import Rule, rule_hash, terms


def compile_rule(rule: Rule, table: ir.Table, today: date) -> ir.BooleanValue:
    """The condition of a rule on a table: true for members, false or NULL for others.

    Fields that are not columns are derived (derive.py) relative to `today`; segments that the rule names are columns
    of `with_segments`. Raises as `check_rule` does.
    """
    checked = check_rule(rule, with_derived(table_columns(table)))
    return _Compiler(table, today).condition(checked, wanted=True)


def with_segments(rule: Rule, table: ir.Table, today: date) -> ir.Table:
    """The table with one more column, true or false, for each segment that a bound rule names, however deep: each is
    worked out once, and what names it twice reads its column twice."""
    for term in terms(rule):
        if term["op"] == "segment" and _segment_column(term) not in table.columns:
            table = with_segments(term["rule"], table, today)
            member = ibis.coalesce(compile_rule(term["rule"], table, today), ibis.literal(False))
            table = table.mutate(**{_segment_column(term): member})
    return table


def table_columns(table: ir.Table) -> list[Column]:
    """The columns of an Ibis table that a rule may name."""
    found = ((name, _type(kind)) for name, kind in table.schema().items() if name not in HIDDEN)
    return [Column(name, kind) for name, kind in found if kind is not None]


def day_of(value: str | dict[str, Any], today: date) -> date:
    """An ISO day, or a day relative to today: months and years keep the day where it exists, else the month's last."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    count, unit = value["today"], value["unit"]
    if unit in ("days", "weeks"):
        ordinal = today.toordinal() + count * (7 if unit == "weeks" else 1)
        return date.min + timedelta(days=min(max(ordinal, 1), date.max.toordinal()) - 1)
    months = today.year * 12 + today.month - 1 + count * (12 if unit == "years" else 1)
    months = min(max(months, 12), 9999 * 12 + 11)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


class _Compiler:
    def __init__(self, table: ir.Table, today: date) -> None:
        self.table = table
        self.today = today
        self.fields: dict[str, Any] = {}

    def condition(self, rule: Rule, wanted: bool) -> Any:
        op = rule["op"]
        if op == "not":
            return self.condition(rule["rule"], not wanted)
        if op in ("and", "or"):
            parts = [self.condition(part, wanted) for part in rule["rules"]]
            return _balanced(parts, (lambda a, b: a & b) if (op == "and") == wanted else (lambda a, b: a | b))
        if op == "all":
            return ibis.literal(wanted)
        if op == "!=":
            op, wanted = "=", not wanted
        found = self.test(op, rule)
        return found if wanted else ~ibis.coalesce(found, ibis.literal(False))

    def test(self, op: str, rule: Rule) -> Any:
        if op == "within":
            return self.field("postcode", as_text=True).isin(postcodes_within(rule))
        if op == "segment":
            return self.table[_segment_column(rule)]
        field = self.field(rule["field"])
        if op == "missing":
            return field.isnull()
        if op == "between":
            low, high = self.value(rule["low"], field), self.value(rule["high"], field)
            return (field >= low) & (field <= high)
        if op == "in":
            return field.isin([self.value(value, field) for value in rule["values"]])
        value = self.value(rule["value"], field)
        if op == "has":
            return field.contains(value)
        if op == "starts with":
            return field.startswith(value)
        return _COMPARE[op](field, value)

    def field(self, name: str, as_text: bool = False) -> Any:
        key = f"{name}:text" if as_text else name
        if key not in self.fields:
            column = self.table[name] if name in self.table.columns else derived_field(name, self.table, self.today)
            self.fields[key] = _plain(column, as_text)
        return self.fields[key]

    def value(self, value: Any, field: Any) -> Any:
        return ibis.literal(day_of(value, self.today)) if field.type().is_date() else value


def _segment_column(term: Rule) -> str:
    return f"segment:{rule_hash(term['rule']).hex()}"


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda field, value: field == value,
    "<": lambda field, value: field < value,
    "<=": lambda field, value: field <= value,
    ">": lambda field, value: field > value,
    ">=": lambda field, value: field >= value,
}


def _balanced(parts: list[Any], combine: Callable[[Any, Any], Any]) -> Any:
    """Combine pairwise: a chain of thousands becomes a tree of a dozen levels, which no recursion minds."""
    while len(parts) > 1:
        pairs = [combine(parts[at], parts[at + 1]) for at in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[len(parts) - len(parts) % 2 :]
    return parts[0]


def _plain(column: Any, as_text: bool) -> Any:
    """A column as rules see it: times as days, NaN as missing, post codes of a numeric column as five digits."""
    kind = column.type()
    if kind.is_timestamp():
        return column.date()
    if as_text and kind.is_numeric():
        return column.cast("int64").cast("string").lpad(5, "0")
    if kind.is_floating():
        return ibis.ifelse(column.isnan(), ibis.null(kind), column)
    return column


def _type(kind: dt.DataType) -> ColumnType | None:
    if kind.is_boolean():
        return "bool"
    if kind.is_numeric():
        return "number"
    if kind.is_date() or kind.is_timestamp():
        return "date"
    if kind.is_string():
        return "category"
    return "tags" if isinstance(kind, dt.Array) and kind.value_type.is_string() else None
