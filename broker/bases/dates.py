"""Dates as French and English files write them, read by columns.

The fixed-width forms (31/12/1980, 1980-12-31, with or without a time) are read from the bytes of the column with
numpy; every other value once per distinct text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]

_EXCEL_EPOCH = date(1899, 12, 30)
_MONTHS = {
    name: month
    for month, names in enumerate(
        ("janvier janv jan january", "fevrier fevr fev feb february février févr fév", "mars mar march",
         "avril avr apr april", "mai may", "juin jun june", "juillet juil jul july", "aout août aou aug august",
         "septembre sept sep september", "octobre oct october", "novembre nov november",
         "decembre dec december décembre déc"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = (
    r"(?:(?: |t)(?P<H>\d{1,2})[:h](?P<M>\d{2})?(?:[:m](?P<S>\d{2})s?(?:[.,]\d+)?)?\s*(?P<P>am|pm)?"
    r"\s*(?P<Z>z|utc|gmt|[+-]\d{2}(?::?\d{2})?|[a-z]+/[a-z_]+)?)?"
)
_FORMS = tuple(
    re.compile(pattern + _TIME)
    for pattern in (
        r"(?P<d>\d{1,2})[/.\- ](?P<m>\d{1,2})[/.\- ](?P<y>\d{4}|\d{2})",
        r"(?P<y>\d{4})[/.\- ](?P<m>\d{1,2})[/.\- ](?P<d>\d{1,2})",
        r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?:[a-zéû]+[.,]? )?(?P<d>\d{1,2})(?:er|st|nd|rd|th)?[ \-/]*(?P<n>[a-zéûà]+)\.?,?[ \-/]+(?P<y>\d{4}|\d{2})",
        r"(?P<n>[a-z]+)\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})",
        r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>(?:19|20)\d{2})",
    )
)
NOT_READ = np.iinfo(np.int64).min  # numpy's NaT


def read_date(text: str, *, month_first: bool = False, century_turn: int = 30) -> datetime | None:
    """One date or time; None if it cannot be read. Without a zone it is UTC. Two-digit years above `century_turn`
    are of the last century. A number of five digits is an Excel day, one of ten or thirteen counts from 1970.

    Excel's days are counted from 30 December 1899, which holds its leap day of 1900 that never was: right from
    1 March 1900 on, and five digits begin in 1927.
    """
    value = " ".join(text.strip().strip("'").rstrip(".").lower().split()).replace(" à ", " ")
    if re.fullmatch(r"\d{5}(?:[.,]\d+)?", value):
        midnight = datetime.combine(_EXCEL_EPOCH, datetime.min.time(), UTC)
        return midnight + timedelta(days=int(value[:5]), seconds=round(float("0." + (value[6:] or "0")) * 86_400))
    if re.fullmatch(r"1\d{9}(?:\d{3})?", value):
        return datetime.fromtimestamp(int(value[:10]), UTC)
    if re.fullmatch(r"(?:19|20)\d{6}t\d{6}z?", value):  # ISO 8601, basic form
        value = f"{value[:8]} {value[9:11]}:{value[11:13]}:{value[13:15]}"
    for form in _FORMS:
        match = form.fullmatch(value)
        if not match:
            continue
        parts = match.groupdict()
        month = _MONTHS.get(parts["n"], 0) if parts.get("n") else int(parts["m"])
        day, year = int(parts["d"]), int(parts["y"])
        if month_first and not parts.get("n") and len(parts["y"]) <= 4 and form is _FORMS[0]:
            day, month = month, day
        if year < 100:
            year += 1900 if year > century_turn else 2000
        try:
            moment = datetime(year, month, day, _hour(parts), int(parts["M"] or 0), int(parts["S"] or 0),
                              tzinfo=_zone(parts["Z"]))  # fmt: skip
            return moment.astimezone(UTC)
        except (ValueError, OverflowError, ZoneInfoNotFoundError):
            return None
    return None


def _hour(parts: dict[str, str | None]) -> int:
    """12 AM is midnight and 12 PM is noon."""
    hour = int(parts["H"] or 0)
    if not parts["P"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if parts["P"] == "pm" else 0)


def _zone(text: str | None) -> tzinfo:
    if not text or text in ("z", "utc", "gmt"):
        return UTC
    if "/" in text:
        return ZoneInfo("/".join(part.title() for part in text.split("/")))
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(delta if text[0] == "+" else -delta)


def is_month_first(values: Sequence[str]) -> bool:
    """Whether a column writes 12/31/1980: second numbers are above 12, and hardly a first one is."""
    firsts = seconds = 0  # that can be no month
    for value in values:
        match = re.match(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-]\d{2,4}", value)
        if match:
            firsts += int(match[1]) > 12
            seconds += int(match[2]) > 12
    return seconds > 10 * firsts


def read_dates(
    column: pa.Array, *, month_first: bool = False, century_turn: int = 30
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Seconds since 1970 (UTC; `NOT_READ` where empty or unreadable) and which non-empty values were not read."""
    column = pc.utf8_trim_whitespace(column)
    offsets = _offsets(column)
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)
    sizes = np.diff(offsets)
    seconds = np.full(len(column), NOT_READ, np.int64)
    done = sizes == 0
    for width in (10, 16, 19, 20):
        rows = np.flatnonzero(sizes == width)
        if width == 20:  # …Z
            rows = rows[np.isin(data[offsets[rows] + 19], np.frombuffer(b"Zz", np.uint8))]
        if len(rows):
            read, ok = _fixed(data[offsets[rows][:, None] + np.arange(width)], month_first)
            seconds[rows[ok]] = read[ok]
            done[rows[ok]] = True
    rest = np.flatnonzero(~done)
    wrong = np.zeros(len(column), np.bool_)
    known: dict[str, int] = {}
    for row, text in zip(rest.tolist(), column.take(pa.array(rest)).to_pylist(), strict=True):
        if text not in known:
            moment = read_date(text, month_first=month_first, century_turn=century_turn)
            known[text] = NOT_READ if moment is None else int(moment.timestamp())
        seconds[row] = known[text]
        wrong[row] = known[text] == NOT_READ
    return seconds, wrong


def _offsets(column: pa.Array) -> Integers:
    wide = pa.types.is_large_string(column.type)
    raw = np.frombuffer(column.buffers()[1], np.int64 if wide else np.int32) if len(column) else np.zeros(1, np.int32)
    return raw[column.offset : column.offset + len(column) + 1].astype(np.int64)


def _fixed(cells: npt.NDArray[np.uint8], month_first: bool) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Read rows of 10, 16, 19 or 20 bytes; `ok` is False where the form or the calendar does not fit."""
    digits = cells.astype(np.int64) - 48
    number = (digits >= 0) & (digits <= 9)

    def value(*places: int) -> Integers:
        total = np.zeros(len(cells), np.int64)
        for place in places:
            total = total * 10 + digits[:, place]
        return total

    dash = np.isin(cells, np.frombuffer(b"/-.", np.uint8))
    ours = dash[:, 2] & dash[:, 5] & number[:, [0, 1, 3, 4, 6, 7, 8, 9]].all(1)
    iso = dash[:, 4] & dash[:, 7] & number[:, [0, 1, 2, 3, 5, 6, 8, 9]].all(1)
    day = np.where(ours, value(0, 1), value(8, 9))
    month = np.where(ours, value(3, 4), value(5, 6))
    year = np.where(ours, value(6, 7, 8, 9), value(0, 1, 2, 3))
    if month_first:
        day, month = np.where(ours, month, day), np.where(ours, day, month)
    ok = (ours | iso) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1000)
    seconds = days_of(np.where(ok, year, 1970), np.where(ok, month, 1), np.where(ok, day, 1)) * 86_400
    lengths = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    ok &= day <= lengths[np.where(ok, month, 1) - 1] + ((month == 2) & leap)
    if cells.shape[1] >= 16:
        between = np.isin(cells[:, 10], np.frombuffer(b" Tt", np.uint8)) & (cells[:, 13] == 58)
        ok &= between & number[:, [11, 12, 14, 15]].all(1) & (value(11, 12) < 24) & (value(14, 15) < 60)
        seconds += value(11, 12) * 3600 + value(14, 15) * 60
    if cells.shape[1] >= 19:
        ok &= (cells[:, 16] == 58) & number[:, [17, 18]].all(1) & (value(17, 18) < 60)
        seconds += value(17, 18)
    return seconds, ok


def days_of(year: Integers, month: Integers, day: Integers) -> Integers:
    """Days since 1970-01-01 of proleptic Gregorian dates (H. Hinnant, "days_from_civil")."""
    year = year - (month <= 2)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return np.asarray(era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468)
