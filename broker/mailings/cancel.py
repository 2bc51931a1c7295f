"""Stop a mailing for good."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.mailings.find_mailing import find_mailing, move_mailing
from broker.mailings.model import Mailing


def cancel_mailing(unit: UnitOfWork, code: str, reason: str = "") -> Mailing:
    """Cancel: what has left stays counted and billed, all else is marked cancelled by a worker."""
    unit.actor.require("owner", "broker")
    mailing = move_mailing(unit, find_mailing(unit, code), "cancelled")
    unit.enqueue("send_mailing", mailing.id)
    record(unit, "mailing.cancelled", "mailing", code, reason=reason)
    return mailing
