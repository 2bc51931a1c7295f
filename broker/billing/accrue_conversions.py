"""Accrue clicks, leads and sales that were approved: each once, in micros, beside the sends of its mailing."""

from __future__ import annotations

from broker.billing import conversion_store as store
from broker.kernel.database import Database, UnitOfWork

CLICKS_AT_ONCE = 500


def accrue_conversions(database: Database, mailing_id: int) -> int:
    """Job: a balanced row for each approved conversion of a mailing that has none; how many were written.

    What an advertiser declined, or what was refused, never accrues. Twice is once.
    """
    with database.begin() as unit:
        return store.add_conversions(unit, mailing_id)


def bill_clicks(database: Database, mailing_id: int) -> int:
    """Job: count the clicks of persons on a mailing whose programme pays them, and accrue them; how many were new."""
    counted = 0
    while True:
        with database.begin() as unit:
            some = store.bill_clicks(unit, mailing_id, CLICKS_AT_ONCE)
            store.add_conversions(unit, mailing_id)
        counted += some
        if some < CLICKS_AT_ONCE:
            return counted


def ask_for_conversions(unit: UnitOfWork) -> int:
    """Periodic: ask for what is due and no job is there for, and note what was paid; how many mailings."""
    clicked = store.mailings_with_clicks(unit)
    for mailing_id in clicked:
        unit.enqueue("bill_clicks", mailing_id)
    approved = store.mailings_to_accrue(unit)
    for mailing_id in approved:
        unit.enqueue("accrue_conversions", mailing_id)
    store.mark_paid(unit)
    return len(clicked) + len(approved)
