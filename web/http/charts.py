"""A chart as the pages draw it: lines over time, with the same figures in a table behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

Form = Literal["number", "percent", "euros"]


@dataclass(frozen=True)
class Line:
    """One series; None where nothing is known. Euros are in cents."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart:
    """Lines over moments, each of which has a name in the table (a snapshot's number, a month)."""

    title: str
    lines: Sequence[Line]
    moments: Sequence[datetime | date]
    names: Sequence[str]
    form: Form = "number"
    lead: str = ""

    @property
    def x(self) -> list[int]:
        """Seconds since 1970; equal ones are pushed a second apart, so that none hides another."""
        seconds: list[int] = []
        for moment in self.moments:
            found = int(_moment(moment).timestamp())
            seconds.append(max(found, seconds[-1] + 1) if seconds else found)
        return seconds

    @property
    def series(self) -> list[dict[str, object]]:
        """What the script draws."""
        scale = 100 if self.form == "euros" else 1
        return [
            {"label": line.label, "values": [None if value is None else value / scale for value in line.values]}
            for line in self.lines
        ]

    @property
    def rows(self) -> list[tuple[str, datetime | date, list[float | None]]]:
        """The table: name, moment and values, newest first."""
        columns = [line.values for line in self.lines]
        return [
            (name, moment, [column[place] for column in columns])
            for place, (name, moment) in reversed(list(enumerate(zip(self.names, self.moments, strict=True))))
        ]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(value is None for line in self.lines for value in line.values)


def _moment(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
