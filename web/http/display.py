"""How figures, amounts, dates and states are written in both languages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import flask_babel
from flask import Flask
from flask_babel import gettext as _
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from broker.kernel.money import MICROS_PER_CENT
from web.http.mailing_words import FILTERS as MAILING_FILTERS
from web.http.words import word


def number(value: int | None) -> str:
    """`123456` → `123,456` or `123 456`; a dash for nothing."""
    return "—" if value is None else flask_babel.format_decimal(value)


def cents(value: int | None) -> str:
    """An amount of cents as money."""
    return "—" if value is None else flask_babel.format_currency(Decimal(value) / 100, "EUR")


def micros(value: int | None) -> str:
    """An amount of micro-units with its full precision, never rounded to cents."""
    if value is None:
        return "—"
    exact = Decimal(value) / (100 * MICROS_PER_CENT)
    pattern = "¤#,##0.00####" if flask_babel.get_locale().language == "en" else "#,##0.00####\u00a0¤"
    return flask_babel.format_currency(exact, "EUR", format=pattern, format_type="standard", currency_digits=False)


def cpm(value_micros: int | None) -> str:
    """A price per send in micros, shown as the trade speaks of it: per thousand."""
    return "—" if value_micros is None else cents(value_micros * 1000 // MICROS_PER_CENT)


def percent(part: int | float | None, whole: int | float | None = 1) -> str:
    """A share, with one decimal under ten percent. What is not all of it never reads as 100 %."""
    if part is None or not whole:
        return "—"
    ratio = part / whole
    if 0.995 <= ratio < 1:
        return flask_babel.format_percent(min(ratio, 0.999), _percent_pattern("#,##0.0"))
    return flask_babel.format_percent(ratio, _percent_pattern("#,##0.0" if abs(ratio) < 0.1 else "#,##0"))


def basis_points(value: int) -> str:
    """`2000` → `20 %`."""
    return flask_babel.format_percent(value / 10_000, _percent_pattern("#,##0.##"))


def _percent_pattern(figures: str) -> str:
    return f"{figures}%" if flask_babel.get_locale().language == "en" else f"{figures}\u00a0%"


def day(value: date | datetime | None) -> str:
    """A day, short month in words."""
    return "—" if value is None else flask_babel.format_date(value, "d MMM y")


def month(value: date) -> str:
    """A month and its year in words."""
    return flask_babel.format_date(value, "LLLL y").capitalize()


def dimension(value: str, by: str) -> str:
    """What a row or a filter of the figures is called: a word, a month `2026-10`, a day, or a name as it stands."""
    if by in ("sector", "kind", "role"):
        return word(value)
    try:
        if by == "month":
            return month(date.fromisoformat(f"{value}-01"))
        return day(date.fromisoformat(value)) if by == "day" else value
    except ValueError:  # typed into the address
        return value


def weekday(value: date) -> str:
    """The name of a day of the week."""
    return flask_babel.format_date(value, "cccc")


def moment(value: datetime | None) -> str:
    """A day and time, in French time."""
    return "—" if value is None else flask_babel.format_datetime(value, "d MMM y, HH:mm")


def written_day(value: str | None) -> str:
    """The day of a moment that stands in a JSON answer."""
    return day(datetime.fromisoformat(value)) if value else "—"


def size(value: int | None) -> str:
    """Bytes as kB or MB."""
    if value is None:
        return "—"
    amount, unit = Decimal(value), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{flask_babel.format_decimal(round(amount, 1))}\u00a0{unit}"


def separator(sign: str | None) -> str:
    """A separator of columns as people name it."""
    if not sign:
        return "—"
    return _("tab") if sign == "\t" else sign


def duration(seconds: int | None) -> str:
    """A time that is left, in one unit."""
    if seconds is None:
        return "—"
    return flask_babel.format_timedelta(timedelta(seconds=max(1, seconds)), threshold=1.5)


def as_json(value: Any) -> str:
    """Data for a script of ours, to stand in an attribute (escaped there)."""
    return json.dumps(value, ensure_ascii=False, default=str)


def options(rows: Iterable[Any], key: str, label: str) -> list[tuple[str, str]]:
    """Rows as the choices of a select field."""
    return [(str(getattr(row, key)), str(getattr(row, label))) for row in rows]


def icon(name: str, extra: str = "") -> Markup:
    """One icon of the sprite, hidden from screen readers."""
    return Markup(
        '<svg class="icon {}" aria-hidden="true"><use href="/static/vendor/icons.svg#tabler-{}"></use></svg>'
    ).format(extra, name)


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "cents": cents,
    "micros": micros,
    "cpm": cpm,
    "percent": percent,
    "bp": basis_points,
    "day": day,
    "month": month,
    "weekday": weekday,
    "moment": moment,
    "size": size,
    "as_json": as_json,
    "separator": separator,
    "written_day": written_day,
    "dimension": dimension,
    "duration": duration,
    "word": word,
    "options": options,
}


def when_shown(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, worked out each time a page is shown.

    Jinja works `"b2c" | word` out once, when it compiles the template: in the language of whoever opened the page
    first. A filter that takes the context is left alone.
    """

    @functools.wraps(filter_)
    def shown(_context: Context, *values: Any, **named: Any) -> Any:
        return filter_(*values, **named)

    return pass_context(shown)


def install(app: Flask) -> None:
    """Give the filters to the templates."""
    filters = FILTERS | MAILING_FILTERS
    app.jinja_env.filters.update({name: when_shown(filter_) for name, filter_ in filters.items()})
    app.jinja_env.globals["icon"] = icon
