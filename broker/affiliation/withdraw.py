"""Take a yes back; read one send, one participation."""

from __future__ import annotations

from broker.affiliation import store
from broker.affiliation.model import Participation, ParticipationSend
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound


def find_participation(unit: UnitOfWork, code: str) -> Participation:
    """A participation by its code."""
    found = store.participation_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no participation {code!r}.")
    return found


def withdraw_send(unit: UnitOfWork, code: str) -> ParticipationSend:
    """Take a yes back before the first mail leaves; raises `Conflict` (`already_sending`) afterwards."""
    unit.actor.require("owner")
    store.lock_send(unit, code)
    send = find_send(unit, code)
    if send.state == "withdrawn":
        return send
    left = store.cancel_waiting_mailing(unit, send.id)
    if send.state not in ("picked", "scheduled") or left not in (None, "cancelled"):
        raise Conflict(
            "This send has started: stop its mailing instead; what has left stays billable.", code="already_sending"
        )
    store.withdraw(unit, send.id)
    record(unit, "send.withdrawn", "participation_send", code)
    return find_send(unit, code)


def find_send(unit: UnitOfWork, code: str) -> ParticipationSend:
    """A picked send by its code."""
    send = store.send_by_code(unit, code)
    if send is None:
        raise NotFound(f"There is no send {code!r}.")
    return send
