"""Stop a mailing for a while: what is on its way finishes, nothing else leaves."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.mailings.find_mailing import find_mailing, move_mailing
from broker.mailings.model import Mailing


def pause_mailing(unit: UnitOfWork, code: str) -> Mailing:
    """Pause a frozen or running mailing. At most the window in flight still leaves."""
    unit.actor.require("owner", "broker")
    mailing = move_mailing(unit, find_mailing(unit, code), "paused")
    record(unit, "mailing.paused", "mailing", code)
    return mailing
