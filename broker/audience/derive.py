"""Fields worked out from others, relative to a day: age, recency, tenure, department, region."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from broker.audience.anniversary import anniversary_numbers
from broker.audience.columns import ANNIVERSARY
from broker.audience.places import places


def derived_field(name: str, table: ir.Table, today: date) -> Any:
    """The expression of a derived field (columns.DERIVED); missing where its source is."""
    if name.endswith(ANNIVERSARY):
        return _until_anniversary(_day(table[name.removesuffix(ANNIVERSARY)]), today)
    if name == "age":
        return _age(_day(table["birth_date"]), today)
    if name == "birthday_month":
        return _day(table["birth_date"]).month()
    if name == "recency_days":
        return _days_since(_day(table["last_purchase"]), today)
    if name == "click_days":
        return _days_since(_day(table["last_click"]), today)
    if name == "tenure_days":
        first = ibis.coalesce(_day(table["first_purchase"]), _day(table["consent_at"]))
        return _days_since(first, today)
    if name in ("spend", "margin"):
        return table[f"{name}_cents"].cast("float64") / 100
    department = _department(table["postcode"])
    return department if name == "department" else _region(department)


def _age(birth: Any, today: date) -> Any:
    """Whole years lived. Whoever was born on 29 February grows older on 1 March of common years."""
    not_yet = (birth.month() * 100 + birth.day()) > today.month * 100 + today.day
    return today.year - birth.year() - not_yet.cast("int32")


def _until_anniversary(day: Any, today: date) -> Any:
    """As anniversary.days_until, in expressions."""
    month, numbers = day.month(), anniversary_numbers(today)
    place = ((month.cast("int64") * 367 - 362) / 12).floor().cast("int64") + day.day() - (month > 2).cast("int64")
    this_year = place - ((place > 60) & (not numbers.leap)).cast("int64")
    next_year = place - ((place > 60) & (not numbers.next_leap)).cast("int64")
    return ibis.ifelse(this_year >= numbers.today, this_year, next_year + numbers.year_length) - numbers.today


def _days_since(day: Any, today: date) -> Any:
    return ibis.literal(today).delta(day, unit="day")


def _day(column: Any) -> Any:
    return column.date() if column.type().is_timestamp() else column


def _department(postcode: Any) -> Any:
    """As places.department_of, in expressions; a post code that is not five digits has none."""
    text = postcode.cast("int64").cast("string").lpad(5, "0") if postcode.type().is_numeric() else postcode
    corsica = ibis.ifelse(text.substr(2, 1).isin(("0", "1")), "2A", "2B")
    return ibis.cases(
        (~text.re_search("^[0-9]{5}$"), ibis.null("string")),
        (text.startswith("97") | text.startswith("98"), text.substr(0, 3)),
        (text.startswith("20"), corsica),
        else_=text.substr(0, 2),
    )


def _region(department: Any) -> Any:
    by_region: dict[str, list[str]] = {}
    for code, region in places().regions.items():
        by_region.setdefault(region, []).append(code)
    return ibis.cases(
        *((department.isin(codes), region) for region, codes in sorted(by_region.items())), else_=ibis.null("string")
    )
