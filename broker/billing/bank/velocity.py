"""What comes too often, or too much of it: an alert, and payouts to the organisation wait for two people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank import hold_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.ids import new_code
from broker.kernel.settings import PaymentSettings, Settings
from broker.notifications.notify import notify

REASON = "Suspicion of fraud: {kind}, {seen} in {hours} hours where {allowed} are usual."


def limits(settings: PaymentSettings) -> Mapping[str, int]:
    """Kind → how many (of payouts: cents) an organisation may have in the window; without a limit it is left out."""
    every = {
        "orders": settings.velocity_orders,
        "payments": settings.velocity_payments,
        "refunds": settings.velocity_refunds,
        "iban_changes": settings.velocity_ibans,
        "payouts": settings.velocity_payout_cents,
    }
    return {kind: most for kind, most in every.items() if most}


def look_at_velocity(unit: UnitOfWork, settings: Settings) -> int:
    """Count the window of every organisation; how many alerts were raised. One for each kind and day, and one hold."""
    hours, allowed = settings.payment.velocity_hours, limits(settings.payment)
    raised = 0
    for row in store.seen_since(unit, unit.now - timedelta(hours=hours)):
        most = allowed.get(row.kind)
        if most is None or row.seen <= most:
            continue
        alert = new_code("alert")
        alert_id = store.raise_alert(unit, alert, row.org, row.kind, row.seen, most, hours)
        if alert_id is None:
            continue
        raised += 1
        record(unit, "velocity.alert", "velocity_alert", alert, kind=row.kind, seen=row.seen, allowed=most)
        hold = new_code("phold")
        words = REASON.format(kind=row.kind.replace("_", " "), seen=row.seen, hours=hours, allowed=most)
        if store.insert_for_alert(unit, hold, row.org, words, alert_id):
            record(unit, "payout.held", "payout_hold", hold, alert=alert)
        about = store.facts_of(unit, row.org)
        notify(unit, "payout.suspected", None, about.code, once=alert, organisation=about.name, reason=words)
    return raised


def list_alerts(unit: UnitOfWork) -> list[Row[Any]]:
    """Alerts, the newest first."""
    unit.actor.require("accountant", "broker")
    return store.alerts(unit)
