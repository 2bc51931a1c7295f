"""The report that is owed to the advertiser within a month of the send: dates, volumes, overall and unit price.

(Law 93-122 of 29 January 1993, "loi Sapin", article 23, and decree 93-774: whoever sells advertising tells the
advertiser directly, within the month that follows, on which dates and terms it was carried out.) It is written by
itself, once, when the mailing is settled, or 25 days after the end where that takes longer; its figures stand as they
were then. The advertiser finds it on its page and is told.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from broker.audit.record import record
from broker.kernel.clock import PARIS
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import micros_to_cents
from broker.mailings import report_store as store
from broker.mailings.store import counts, mailing_by_id
from broker.notifications.notify import notify

LATEST_DAYS = 25  # after the end: the month is not over, a person has days left to look into a fault


@dataclass(frozen=True, slots=True)
class LegalReport:
    """A report as it was written. `body` holds names, days, volumes and prices."""

    code: str
    body: dict[str, Any]
    due_on: date
    made_at: datetime
    read_at: datetime | None

    @property
    def ended_on(self) -> date:
        """The last day of the send."""
        return date.fromisoformat(self.body["ended_on"])


def due_reports(unit: UnitOfWork) -> int:
    """Periodic: ask for the reports that are due; how many."""
    mailings = store.reports_due(unit, LATEST_DAYS)
    for mailing_id in mailings:
        unit.enqueue("write_legal_report", mailing_id)
    return len(mailings)


def write_legal_report(database: Database, mailing_id: int) -> None:
    """Job: write the report of an ended mailing. Twice is once."""
    with database.begin() as unit:
        facts, mailing = store.report_facts(unit, mailing_id), mailing_by_id(unit, mailing_id)
        if facts is None or mailing is None or facts.ended_at is None or facts.started_at is None:
            return
        by_state = counts(unit, mailing).by_state
        code = new_code("report")
        started, ended = (at.astimezone(PARIS).date() for at in (facts.started_at, facts.ended_at))
        body = {
            "mailing": facts.code,
            "order": facts.order_code,
            "support": facts.card_title or facts.base_name,
            "owner": facts.owner_name,
            "owner_siren": facts.owner_siren,
            "advertiser": facts.advertiser_name,
            "advertiser_siren": facts.advertiser_siren,
            "creative": facts.creative_name,
            "subject": facts.subject,
            "content_hash": bytes(facts.content_hash).hex(),
            "started_on": started.isoformat(),
            "ended_on": ended.isoformat(),
            "sent": sum(by_state.get(state, 0) for state in ("accepted", "refused", "uncertain")),
            "accepted": by_state.get("accepted", 0),
            "refused": by_state.get("refused", 0),
            "uncertain": by_state.get("uncertain", 0),
            "billable": facts.billable,
            "unit_price_micros": facts.price_micros,
            "price_cents": micros_to_cents(facts.gross_micros),
            "final": facts.closed_at is not None,
            "contract_role": facts.contract_role,
        }
        parties = (facts.owner_id, facts.advertiser_id)
        if store.add_report(unit, code, mailing_id, parties, body, month_after(ended)):
            title = facts.card_title or facts.creative_name
            for org_id in parties:
                notify(unit, "mailing.report_ready", org_id, facts.code, once=code, title=title)
            record(unit, "legal_report.written", "mailing", facts.code, report=code)


def list_legal_reports(unit: UnitOfWork) -> list[LegalReport]:
    """The reports that the actor may see, the newest first."""
    return [LegalReport(row.code, row.body, row.due_on, row.made_at, row.read_at) for row in store.reports_shown(unit)]


def find_legal_report(unit: UnitOfWork, code: str) -> LegalReport:
    """One report; that its advertiser opened it is noted by `note_read`."""
    found: Sequence[LegalReport] = [one for one in list_legal_reports(unit) if one.code == code]
    if not found:
        raise NotFound("There is no such report.", code="report_not_found")
    return found[0]


def note_read(unit: UnitOfWork, code: str) -> None:
    """That the advertiser took its report; the first time counts."""
    store.note_read(unit, code)


def month_after(day: date) -> date:
    """The same day of the next month, or that month's last."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
