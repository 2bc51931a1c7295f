"""How much mail a contact of a base may get: the platform's caps, and stricter ones of the base's owner."""

from __future__ import annotations

from dataclasses import dataclass

from broker.kernel.database import UnitOfWork
from broker.kernel.settings import TradeSettings


@dataclass(frozen=True, slots=True)
class Caps:
    """Mails in any 7 and any 30 days, over all advertisers, and from one advertiser (None: no cap of its own).

    `own_counts`: whether the owner's own mailings count against its partners'. `caps_own`: whether the caps hold for
    the owner's mailings too; by default they have priority and are never held back.
    """

    per_week: int
    per_month: int
    advertiser_week: int | None = None
    advertiser_month: int | None = None
    own_counts: bool = True
    caps_own: bool = False


def caps_of(unit: UnitOfWork, trade: TradeSettings, base_id: int) -> Caps:
    """What holds for a base: never more than the platform allows."""
    row = unit.one(
        "SELECT per_week, per_month, advertiser_week, advertiser_month, own_counts, caps_own FROM pressure_rule"
        " WHERE base_id = :base",
        base=base_id,
    )
    if row is None:
        return Caps(trade.pressure_per_week, trade.pressure_per_month)
    return Caps(
        min(trade.pressure_per_week, row.per_week or trade.pressure_per_week),
        min(trade.pressure_per_month, row.per_month or trade.pressure_per_month),
        row.advertiser_week,
        row.advertiser_month,
        row.own_counts,
        row.caps_own,
    )
