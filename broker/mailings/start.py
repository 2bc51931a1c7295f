"""Let a mailing start now instead of at its hour."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.mailings import store
from broker.mailings.find_mailing import find_mailing
from broker.mailings.model import Mailing


def start_mailing(unit: UnitOfWork, code: str) -> Mailing:
    """Start a planned or frozen mailing at once; a planned one is frozen first.

    For operators: the front has no right on a mailing's hour.
    """
    unit.actor.require("broker")
    mailing = find_mailing(unit, code)
    if mailing.state not in ("planned", "frozen"):
        raise Conflict(
            f"This mailing is {mailing.state}: only a planned or frozen one can be started.", code="mailing_state"
        )
    store.start_now(unit, mailing.id)
    unit.enqueue("freeze_mailing" if mailing.state == "planned" else "send_mailing", mailing.id)
    record(unit, "mailing.started", "mailing", code)
    return find_mailing(unit, code)
