"""Nothing more to one person in one scope, for ever."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.suppression import store
from broker.suppression.model import Reason, Scope


def suppress(
    unit: UnitOfWork,
    contact_key: bytes,
    pepper_version: int,
    scope: Scope,
    reason: Reason,
    *,
    base_id: int = 0,
    advertiser_id: int = 0,
    evidence: str = "",
) -> None:
    """Suppress the person of a contact key (16 bytes under that pepper version). Twice is once; nothing lifts it.

    `evidence` names what led to it by ids, never by an address.
    """
    store.insert(unit, contact_key, pepper_version, scope, reason, base_id, advertiser_id, evidence)
