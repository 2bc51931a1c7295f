"""What an owner's page says of contacts that will be erased, and of those that were."""

from __future__ import annotations

from dataclasses import dataclass

from broker.bases import retention_store as store
from broker.bases.find_base import find_base
from broker.bases.retention_store import RetentionForecast, RetentionNotice, RetentionReport
from broker.kernel.database import UnitOfWork

REPORTS = 60


@dataclass(frozen=True, slots=True)
class RetentionOutlook:
    """A base's retention: who waits (by day, relation, kind of the last sign), what was announced, the nights' reports,
    newest first.
    """

    forecast: list[RetentionForecast]
    notices: list[RetentionNotice]
    reports: list[RetentionReport]

    @property
    def waiting(self) -> int:
        """How many are announced."""
        return sum(row.contacts for row in self.forecast)

    def count(self, relation: str, kind: str = "") -> int:
        """How many of them are of a relation, and of a kind."""
        return sum(
            row.contacts for row in self.forecast if row.relation == relation and (not kind or row.last_kind == kind)
        )


def list_retention(unit: UnitOfWork) -> list[RetentionNotice]:
    """The announced erasures of the actor's bases by day and relation, and what became of earlier ones."""
    unit.actor.require("owner", "broker")
    return store.notices(unit)


def retention_outlook(unit: UnitOfWork, base_code: str) -> RetentionOutlook:
    """Who leaves a base within the next thirty days and why, and what the nightly job did."""
    unit.actor.require("owner", "broker")
    base = find_base(unit, base_code)
    return RetentionOutlook(
        store.forecast(unit, base.id), store.notices_of(unit, base.id), store.reports(unit, base.id, REPORTS)
    )
