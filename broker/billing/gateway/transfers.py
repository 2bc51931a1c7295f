"""Pay an approved payout by a transfer to the owner's account at the gateway: separate charges and transfers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank import freeze_store
from broker.billing.gateway import connect_store as store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_params import transfer_params
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict

# A gateway keeps idempotency keys for a day at least; a request that old is looked for before it is repeated.
KEY_HOURS = 20


def send_transfer(database: Database, gateway: Gateway, payout_id: int) -> None:
    """Have the gateway transfer a payout, once, and hand it to be booked (`book_payout`).

    The request names the payout three times: as key, as group, as mark. A crash between the gateway's answer and our
    commit repeats the request under the same key; where that may be forgotten the group is looked for first. What the
    gateway refuses (not enough available) is tried again under the next key; the payout shows why. To whom payouts are
    stopped nothing is sent; what was sent before a crash is booked all the same.
    """
    with database.begin() as unit:
        row = store.transfer_of(unit, payout_id)
        if row is None or row.state != "approved":
            return
        stopped = _stopped(unit, row)
        if stopped and row.asked_at is None:
            store.problem(unit, payout_id, stopped)
            return
        if not stopped:
            store.asked(unit, payout_id)
        late = is_late(unit.now, row.asked_at)
    made = gateway.find_transfer(row.code) if stopped or late or row.tries else None
    refused = ""
    if made is None and stopped:
        with database.begin() as unit:
            store.problem(unit, payout_id, stopped)
        return
    if made is None:
        try:
            made = gateway.create_transfer(
                transfer_params(row.amount_cents, row.account, row.code), f"{row.code}:{row.tries}"
            )
        except Conflict as refusal:
            refused = str(refusal.details.get("gateway_code") or "refused")
    with database.begin() as unit:
        now = store.transfer_of(unit, payout_id)
        if now is None or now.state != "approved":
            return
        if made is None:
            store.refused(unit, payout_id, refused)
            record(unit, "payout.transfer_refused", "payout", row.code, reason=refused)
            return
        store.transferred(unit, payout_id, made)
        unit.enqueue("book_payout", payout_id)
        unit.enqueue("read_connect", now.account_id)
        record(unit, "payout.transferred", "payout", row.code, cents=row.amount_cents, transfer=made.reference)


def _stopped(unit: UnitOfWork, row: Row[Any]) -> str:
    """Why nothing is sent to an owner now, or nothing."""
    if not row.ready:
        return "account_not_ready"
    if freeze_store.frozen(unit, row.owner_id):
        return "transfer_frozen"
    return "transfer_held" if row.held else ""


def is_late(now: datetime, asked_at: datetime | None) -> bool:
    """Whether a request may be older than the gateway's memory of its key."""
    return asked_at is not None and (now - asked_at).total_seconds() > KEY_HOURS * 3600
