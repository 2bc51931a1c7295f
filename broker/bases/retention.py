"""Retention (art. 5 GDPR; CNIL: three years): who gave no sign of life is announced, then erased.

A sign of life is a purchase, a visit, a consent, a human click, or a message of the person; an open, a scanner's click
or a file in which the person still stands is none. How long is a setting by relation. The owner is told at least 30
days before anybody is erased, by relation, day and kind of the last sign.
"""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import erase_store
from broker.bases import retention_store as store
from broker.kernel.database import Database
from broker.kernel.settings import Settings, TradeSettings

WARNING_DAYS = 30
AT_ONCE = 5_000


def keep_retention(database: Database, settings: Settings) -> int:
    """Nightly: for each base announce, take back what came alive, erase what is due; how many were erased.

    One transaction a base for the announcements and one for each few thousand erasures, then a report of the night.
    Twice a night is once, with two reports.
    """
    with database.begin() as unit:
        bases = store.bases(unit)
    return sum(_keep_base(database, settings.trade, base_id, code) for base_id, code in bases)


def _keep_base(database: Database, trade: TradeSettings, base_id: int, code: str) -> int:
    customers, prospects = trade.retention_months, trade.prospect_retention_months
    with database.begin() as unit:
        looked = store.count_contacts(unit, base_id)
        if not looked:
            return 0
        store.find_silent(unit, base_id, customers, prospects, WARNING_DAYS)
        revived = store.drop_revived(unit, base_id)
        warned = store.add_warnings(unit, base_id, unit.today, WARNING_DAYS)
        store.renew_notices(unit, base_id)
        if warned or revived:
            record(unit, "retention.announced", "base", code, contacts=warned, taken_back=revived)
    erased = 0
    while due := _erase_due(database, base_id, code):
        erased += due
    with database.begin() as unit:
        store.renew_forecast(unit, base_id)
        store.add_report(unit, base_id, customers, prospects, looked, warned, revived, erased)
    return erased


def _erase_due(database: Database, base_id: int, code: str) -> int:
    """Erase up to a few thousand whose day has come; how many."""
    with database.begin() as unit:
        due = store.due(unit, base_id, unit.today, AT_ONCE)
        if due:
            store.count_erased(unit, base_id, due)
            erase_store.destroy(unit, due)
            store.forget_warnings(unit, due)
            unit.enqueue("compact_base", base_id)
            record(unit, "retention.erased", "base", code, contacts=len(due))
    return len(due)
