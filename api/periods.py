"""Which days a question is about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import PageQuery
from broker.kernel.period import require_period

MONTH = validate.Regexp(r"^(20|21)[0-9]{2}-(0[1-9]|1[0-2])$", error="Write a month as 2026-10.")
USUAL = timedelta(days=365)


class PeriodQuery(Schema):
    """The days, both included; without them the last year."""

    from_ = fields.Date(data_key="from", load_default=None)
    to = fields.Date(load_default=None)


class PagedPeriodQuery(PeriodQuery, PageQuery):
    """The days, and which page of what they hold."""


class DayQuery(Schema):
    """A day; without it today."""

    on = fields.Date(load_default=None)


class MonthQuery(Schema):
    """A month."""

    month = fields.String(required=True, validate=MONTH)


def period(query: dict[str, Any], today: date) -> tuple[date, date]:
    """The first and the last day: without an end until today, without a start the year before the end.

    Raises `InvalidInput`: `bad_period` when it ends before it starts, `bad_year`.
    """
    end: date = query["to"] or today
    start: date = query["from_"] or (end - USUAL if end.year > 1 else end)
    require_period(start, end)
    return start, end


def month_of(written: str) -> date:
    """The first day of a month written as 2026-10."""
    return date.fromisoformat(f"{written}-01")
