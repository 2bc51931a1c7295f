"""Retention (art. 5 GDPR; CNIL: three years): who gave no sign of life is announced, then erased.

A sign of life is a purchase, a visit or other activity in the purchase log, a consent, a human click, or a message of
the person; an open or a scanner's click is none. The owner is told at least 30 days before anybody is erased, by
relation and day.
"""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import erase_store
from broker.bases import retention_store as store
from broker.kernel.database import Database
from broker.kernel.settings import Settings

WARNING_DAYS = 30
AT_ONCE = 5_000


def keep_retention(database: Database, settings: Settings) -> int:
    """Nightly: for each base announce, take back what came alive, erase what is due; how many were erased.

    One transaction a base for the announcements and one for each few thousand erasures. Twice a night is once.
    """
    with database.begin() as unit:
        bases = store.bases(unit)
    return sum(_keep_base(database, base_id, code, settings.trade.retention_months) for base_id, code in bases)


def _keep_base(database: Database, base_id: int, code: str, months: int) -> int:
    with database.begin() as unit:
        store.find_silent(unit, base_id, months, WARNING_DAYS)
        revived = store.drop_revived(unit, base_id)
        warned = store.add_warnings(unit, base_id, unit.today, WARNING_DAYS)
        store.renew_notices(unit, base_id)
        if warned or revived:
            record(unit, "retention.announced", "base", code, contacts=warned, taken_back=revived)
    erased = 0
    while True:
        with database.begin() as unit:
            due = store.due(unit, base_id, unit.today, AT_ONCE)
            if not due:
                return erased
            store.count_erased(unit, base_id, due)
            erase_store.destroy(unit, due)
            store.forget_warnings(unit, due)
            unit.enqueue("compact_base", base_id)
            record(unit, "retention.erased", "base", code, contacts=len(due))
        erased += len(due)
