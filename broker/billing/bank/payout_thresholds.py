"""From which sum on an owner is paid before its due date, by currency and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.audit.record import record
from broker.billing.bank import threshold_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.money import CURRENCIES, require_currency
from broker.kernel.settings import Settings

MOST_CENTS = 100_000_000


@dataclass(frozen=True, slots=True)
class Threshold:
    """Cents from a day on. `in_force`: it holds today. The first one of a currency, without a day, is the setting
    payment.threshold_cents: it holds until one is entered."""

    currency: str
    since: date | None
    cents: int
    by: str
    set_at: datetime | None
    in_force: bool


def set_threshold(unit: UnitOfWork, currency: str, cents: int, since: date | None = None) -> None:
    """Enter a threshold from a day on (today); one for the same day takes the place of the one before.

    Raises `InvalidInput` (`unknown_currency`, `bad_threshold`, `bad_day`: what was in force does not change).
    """
    unit.actor.require("accountant", "broker")
    require_currency(currency)
    if not 0 <= cents <= MOST_CENTS:
        raise InvalidInput(
            f"A threshold is 0 to {MOST_CENTS} cents; with 0 everything is proposed at once.",
            code="bad_threshold",
            field="cents",
        )
    day = unit.today if since is None else since
    if day < unit.today:
        raise InvalidInput(
            "A threshold begins today or later: what was in force stays as it was.", code="bad_day", field="since"
        )
    store.insert(unit, currency, day, cents)
    record(unit, "threshold.set", "payout_threshold", f"{currency}:{day}", cents=cents)


def threshold_on(unit: UnitOfWork, settings: Settings, currency: str = "EUR", day: date | None = None) -> int:
    """The threshold in cents on a day (today)."""
    found = store.in_force(unit, currency, unit.today if day is None else day)
    return settings.payment.threshold_cents if found is None else int(found.cents)


def list_thresholds(unit: UnitOfWork, settings: Settings) -> list[Threshold]:
    """Of each currency that is handled: what holds, what will hold and what held, the newest day first."""
    unit.actor.require("accountant", "broker", "owner")
    staff = unit.actor.role != "owner"
    found = []
    for currency in sorted(CURRENCIES):
        now = store.in_force(unit, currency, unit.today)
        for row in store.thresholds(unit, currency):
            by = row.by if staff else ""
            holds = now is not None and now.id == row.id
            found.append(Threshold(currency, row.since, int(row.cents), by, row.set_at, holds))
        found.append(Threshold(currency, None, settings.payment.threshold_cents, "", None, now is None))
    return found
