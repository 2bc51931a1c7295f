"""Tell owners which of their leads and sales an advertiser declined, once for each participation and reason."""

from __future__ import annotations

from collections.abc import Sequence

from broker.affiliation import conversion_store as store
from broker.kernel.database import UnitOfWork
from broker.notifications.notify import notify


def tell_declined(unit: UnitOfWork, ids: Sequence[int], reason: str) -> None:
    """After they were declined: how many of which programme, and why; not whose."""
    if not ids:
        return
    for row in store.owners_of(unit, ids):
        notify(
            unit,
            "conversion.declined",
            row.owner_id,
            row.participation,
            programme=row.programme,
            count=row.conversions,
            reason=reason,
        )
