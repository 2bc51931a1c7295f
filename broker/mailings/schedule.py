"""Plan the mailing of a paid order, or of a send that an owner picked in a programme."""

from __future__ import annotations

import secrets
from datetime import date

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.mailings import store
from broker.mailings.model import Mailing, start_of

_SENTENCES = {
    "not_schedulable": "Nothing can be scheduled here: an order must be paid or on credit, a picked send still open.",
    "sending_domain_waits": "The owner's sending domain is not ready: its DNS records are to be seen first.",
    "creative_unsigned": "The creative is not signed yet: its advertiser signs it first (BAT).",
}


def schedule_order(unit: UnitOfWork, order_id: int) -> Mailing:
    """The mailing of an order that is paid or on credit; the order becomes `scheduled`."""
    row = store.order_day(unit, order_id)
    if row is None:
        raise NotFound("There is no such order.", code="order_not_found")
    return _plan(unit, order_id, None, row.send_on)


def schedule_participation_send(unit: UnitOfWork, participation_send_id: int) -> Mailing:
    """The mailing of one picked send; the send becomes `scheduled`."""
    row = store.picked_day(unit, participation_send_id)
    if row is None:
        raise NotFound("There is no such send.", code="send_not_found")
    return _plan(unit, None, participation_send_id, row.send_on)


def schedule_use(unit: UnitOfWork, use_id: int) -> Mailing | None:
    """The mailing of a further use whose day is chosen; None where it exists already. The order becomes `scheduled`."""
    send_on = store.use_day(unit, use_id)
    if send_on is None:
        return None
    code, starts_at = new_code("mailing"), start_of(send_on, unit.now)
    mailing_id = store.plan_use(unit, use_id, code, secrets.randbits(62), starts_at)
    unit.enqueue("freeze_mailing", mailing_id)
    record(unit, "mailing.scheduled", "mailing", code, starts_at=starts_at.isoformat())
    return store.mailing_by_id(unit, mailing_id)


def _plan(unit: UnitOfWork, order_id: int | None, send_id: int | None, send_on: date | None) -> Mailing:
    code, starts_at = new_code("mailing"), start_of(send_on, unit.now)
    try:
        mailing_id = store.plan(unit, order_id, send_id, code, secrets.randbits(62), starts_at)
    except Conflict as error:
        reason = str(error.details.get("constraint", ""))
        if reason not in _SENTENCES:
            raise
        raise Conflict(_SENTENCES[reason], code=reason) from None
    unit.enqueue("freeze_mailing", mailing_id)
    record(unit, "mailing.scheduled", "mailing", code, starts_at=starts_at.isoformat())
    mailing = store.mailing_by_id(unit, mailing_id)
    assert mailing is not None
    return mailing
