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
