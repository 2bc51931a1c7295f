"""The queries of events and of what people are told."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.notifications.kinds import Kind


def notify(unit: UnitOfWork, kind: Kind, org_id: int | None, code: str, facts: str, once: str) -> None:
    """Keep an event with all that is owed for it."""
    unit.run(
        "SELECT notify_organisation(:kind, CAST(:org AS bigint), :object, :code, CAST(:facts AS jsonb), :once,"
        " CAST(:roles AS text[]), :channel)",
        kind=kind.name,
        org=org_id,
        object=kind.object,
        code=code,
        facts=facts,
        once=once,
        roles=list(kind.roles),
        channel=kind.channel,
    )


def agency_to_tell(unit: UnitOfWork, order_code: str, advertiser_id: int) -> int | None:
    """The agency that placed an order for this advertiser, while its mandate stands."""
    found: int | None = unit.scalar(
        "SELECT agency_to_tell(:code, CAST(:org AS bigint))", code=order_code, org=advertiser_id
    )
    return found
