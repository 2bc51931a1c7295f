"""The one clock.

Rows are dated by `clock.now(session)`, that is the database's `app_now()`: the time of the transaction plus an
offset kept in the table `shared_clock`. The offset can be moved only where the database is flagged as a demo, so
that the demo's thirty days pass in a second for every process at once. Nothing else reads the wall clock for a date.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

PARIS = ZoneInfo("Europe/Paris")


def now(session: Session) -> datetime:
    """The shared time, aware, in UTC; constant within a transaction."""
    value: datetime = session.execute(text("SELECT app_now()")).scalar_one()
    return value.astimezone(UTC)


def today(session: Session) -> date:
    """The legal day in France, which dates invoices, mailings and ledger entries."""
    return now(session).astimezone(PARIS).date()


def advance(session: Session, by: timedelta) -> None:
    """Move the shared clock forward; the database refuses unless it is flagged as a demo."""
    session.execute(text("SELECT advance_demo_clock(:by)"), {"by": by})
