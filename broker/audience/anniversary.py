"""Days until the next anniversary of a day: 0 on the day itself; 29 February is kept on 1 March of common years."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

LEAP_DAY = 60  # the place of 29 February in a year of 366 days


@dataclass(frozen=True, slots=True)
class AnniversaryNumbers:
    """What the sum needs of a day: its place in its year, that year's length, and whether it and the next are leap."""

    today: int
    year_length: int
    leap: bool
    next_leap: bool


def anniversary_numbers(today: date) -> AnniversaryNumbers:
    """The numbers of a day."""
    leap = calendar.isleap(today.year)
    return AnniversaryNumbers(today.timetuple().tm_yday, 366 if leap else 365, leap, calendar.isleap(today.year + 1))


def days_until(days: NDArray[np.int64], today: date) -> NDArray[np.int64]:
    """For days since 1970-01-01: how many days from `today` to the next anniversary of each."""
    numbers = anniversary_numbers(today)
    whole = days.astype("datetime64[D]")
    months = whole.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (whole - months.astype("datetime64[D]")).astype(np.int64) + 1
    place = (367 * month - 362) // 12 + day - (month > 2)  # in a year of 366 days, from 1
    this_year = place - ((place > LEAP_DAY) & (not numbers.leap))
    next_year = place - ((place > LEAP_DAY) & (not numbers.next_leap))
    found: NDArray[np.int64] = (
        np.where(this_year >= numbers.today, this_year, next_year + numbers.year_length) - numbers.today
    )
    return found
