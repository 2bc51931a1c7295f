"""Let a paused mailing go on where it stopped."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.mailings.find_mailing import find_mailing, move_mailing
from broker.mailings.model import Mailing


def resume_mailing(unit: UnitOfWork, code: str) -> Mailing:
    """Resume: nobody who had a mail gets a second one, since rows know who had."""
    unit.actor.require("owner", "broker")
    paused = find_mailing(unit, code)
    mailing = move_mailing(unit, paused, "sending" if paused.started_at else "frozen")
    unit.enqueue("send_mailing", mailing.id)
    record(unit, "mailing.resumed", "mailing", code)
    return mailing
