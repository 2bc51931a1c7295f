"""What mailings want done now and then: their watch between two waves, their studies, the reports they owe."""

from __future__ import annotations

from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.mailings import report_store
from broker.mailings.legal_report import due_reports
from broker.mailings.watch import watch_mailing


def look_after_mailings(database: Database, settings: Settings) -> None:
    """Periodic, each minute: complaints come when nothing is being sent as well."""
    with database.begin() as unit:
        sending = report_store.mailings_under_way(unit)
    for mailing_id in sending:
        with database.begin() as unit:
            watch_mailing(unit, settings.watch, mailing_id)
    with database.begin() as unit:
        for mailing_id in report_store.mailings_to_study(unit):
            unit.enqueue("study_mailing", mailing_id)
        due_reports(unit)
