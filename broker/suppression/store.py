"""The only queries of suppression."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.suppression.model import Reason, Scope


def insert(
    unit: UnitOfWork,
    contact_key: bytes,
    pepper_version: int,
    scope: Scope,
    reason: Reason,
    base_id: int,
    advertiser_id: int,
    evidence: str,
) -> None:
    """Add a row; one that is there already stays as it is."""
    unit.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason, evidence)"
        " VALUES (:key, :pepper, :scope, :base, :advertiser, :reason, :evidence) ON CONFLICT DO NOTHING",
        key=contact_key,
        pepper=pepper_version,
        scope=scope,
        base=base_id,
        advertiser=advertiser_id,
        reason=reason,
        evidence=evidence,
    )
