"""Whoever is in several bases of one desk of orders gets one mail: which base writes it is drawn by lot.

The lot of a person and an order is BLAKE2b(desk, person, order); the order with the highest one has the person. So
every base has the same chance for each person it shares, whichever mailing is frozen first, and a second freeze draws
the same.
"""

from __future__ import annotations

import hashlib

from broker.audience.select import select_recipients
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.mailings import freeze_store as store
from broker.mailings.freeze_store import Plan
from broker.mailings.model import Mailing


def lost_by_lot(unit: UnitOfWork, settings: Settings, mailing: Mailing, plan: Plan) -> tuple[bytes, ...]:
    """Contact keys (16 bytes) of whom another order of the desk has by lot; none for an order quoted alone.

    Whoever another order could not write to (no consent, left, suppressed there) is not in its lot.
    """
    if plan.order_id is None or plan.use_kind != "use":
        return ()
    desk, others = store.desk_of(unit, plan.order_id)
    lost: set[bytes] = set()
    for other in others:
        theirs = select_recipients(
            unit,
            settings,
            base_id=other.base_id,
            advertiser_id=mailing.advertiser_id,
            rule=other.rule,
            select_rule=other.select_rule,
            draw_seed=mailing.draw_seed,
        )
        keys: list[bytes] = theirs.contact_keys.tolist()
        lost.update(key for key in keys if lot(desk, key, other.code) > lot(desk, key, plan.code))
    return tuple(lost)


def lot(desk: str, contact_key: bytes, order_code: str) -> bytes:
    """The lot of a person and an order: eight bytes, the highest has the person."""
    return hashlib.blake2b(contact_key + order_code.encode(), key=desk.encode(), digest_size=8).digest()
