"""Let a paused mailing go on where it stopped; one that the watch stopped, with a written reason."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.mailings import flow_store
from broker.mailings.find_mailing import find_mailing, move_mailing
from broker.mailings.model import Mailing

REASON = (10, 1_000)  # characters


def resume_mailing(unit: UnitOfWork, code: str, reason: str = "") -> Mailing:
    """Resume: nobody who had a mail gets a second one, since rows know who had.

    A mailing that was stopped by its watch (`mailing_held`) goes on when a person says why it may.
    """
    unit.actor.require("owner", "broker")
    paused = find_mailing(unit, code)
    if paused.state in ("frozen", "sending"):
        raise Conflict("This mailing is not paused: there is nothing to resume.", code="mailing_state")
    reason = " ".join(reason.split())
    if reason:
        if not REASON[0] <= len(reason) <= REASON[1]:
            raise InvalidInput(
                f"Write {REASON[0]} to {REASON[1]:,} characters: why may this mailing go on?",
                code="bad_reason",
                field="reason",
            )
        if paused.state == "paused" and flow_store.release(unit, paused.id, reason):
            record(unit, "mailing.released", "mailing", code, reason=reason)
    try:
        mailing = move_mailing(unit, paused, "sending" if paused.started_at else "frozen")
    except Conflict as error:
        if error.details.get("constraint") != "mailing_held":
            raise
        raise Conflict(
            "This mailing was stopped by its watch. Look at what came back, then say in writing why it may go on.",
            code="mailing_held",
            field="reason",
        ) from None
    unit.enqueue("send_mailing", mailing.id)
    record(unit, "mailing.resumed", "mailing", code)
    return mailing
