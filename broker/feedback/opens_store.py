"""The queries of opens."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork


def add_opens(unit: UnitOfWork, mailing_id: int, dispatch_id: int, opens: int) -> None:
    """Add to a campaign's number of today; nothing for a mailing that is none."""
    unit.run("SELECT record_opens(:mailing, :dispatch, :opens)", mailing=mailing_id, dispatch=dispatch_id, opens=opens)
