"""Days until an anniversary, against the calendar; the expression of rules says the same."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from broker.audience.anniversary import days_until
from broker.audience.fast_count import of_table
from broker.audience.parse import parse_rule
from broker.audience.table import RuleTable

EPOCH = date(1970, 1, 1)


def by_calendar(day: date, today: date) -> int:
    """Count forward until the day comes round; 29 February comes on 1 March of common years."""
    at = today
    while True:
        lives = (at.month, at.day) == (day.month, day.day)
        common = at.year % 4 != 0 or (at.year % 100 == 0 and at.year % 400 != 0)
        if lives or (common and (day.month, day.day) == (2, 29) and (at.month, at.day) == (3, 1)):
            return (at - today).days
        at += timedelta(days=1)


@given(st.dates(date(1920, 1, 1), date(2040, 12, 31)), st.dates(date(2020, 1, 1), date(2033, 12, 31)))
def test_days_until_an_anniversary_are_those_of_the_calendar(day: date, today: date) -> None:
    assert days_until(np.array([(day - EPOCH).days]), today)[0] == by_calendar(day, today)


def test_rules_find_anniversaries_in_both_ways_of_counting() -> None:
    days = [date(2000, 2, 29), date(2011, 12, 31), date(1999, 1, 1), date(2024, 3, 1), None, date(2020, 8, 15)]
    people = pa.table({"birth_date": pa.array(days, pa.date32())})
    connection = duckdb.connect()
    connection.execute("CREATE TABLE people AS SELECT * FROM people")
    for today in (date(2023, 2, 28), date(2024, 2, 28), date(2025, 12, 31), date(2027, 3, 1)):
        table = RuleTable(connection, "people", today)
        for near in (0, 1, 2, 31):
            rule = parse_rule(f"birth_date_anniversary <= {near}")
            wanted = sum(1 for day in days if day is not None and by_calendar(day, today) <= near)
            assert table.count(rule) == of_table(people, 1).count(rule, today) == wanted
