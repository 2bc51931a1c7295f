"""Send money of the gateway's balance to our own bank."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import gateway_line_store
from broker.billing.gateway import gateway_payout_store as store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_balance import ask_reading
from broker.billing.gateway.gateway_params import payout_params
from broker.billing.gateway.gateway_payout_store import GatewayPayout
from broker.billing.gateway.transfers import is_late
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.money import format_cents


def ask_gateway_payout(unit: UnitOfWork, cents: int) -> GatewayPayout:
    """Ask for an amount of what was available at the last reading. Raises `Conflict` (`balance_short`)."""
    unit.actor.require("accountant", "broker")
    if cents <= 0:
        raise InvalidInput("Say how much, in cents.", code="bad_amount", field="amount_cents")
    waiting = store.waiting_cents(unit)
    reading = gateway_line_store.last_reading(unit)
    left = 0 if reading is None else reading.available_cents - waiting
    if cents > left:
        raise Conflict(
            f"At the last reading {format_cents(max(0, left))} were available: read it again, or ask for less.",
            code="balance_short",
            field="amount_cents",
        )
    code = new_code("gpo")
    payout_id = store.insert(unit, code, cents)
    unit.enqueue("send_gateway_payout", payout_id)
    record(unit, "gateway_payout.asked", "gateway_payout", code, cents=cents)
    found = store.by_code(unit, code)
    assert found is not None
    return found


def send_gateway_payout(database: Database, gateway: Gateway, payout_id: int) -> None:
    """Have the gateway send it, once: the key is the row's code. A refusal ends it; its money stays on the balance.

    Nothing is posted: both stand on 512, and the bank's statement shows it arrive.
    """
    with database.begin() as unit:
        row = store.lock(unit, payout_id)
        if row is None or row.state != "asked":
            return
        store.tried(unit, payout_id)
        late = is_late(unit.now, row.tried_at)
    made = gateway.find_payout(row.code, row.asked_on) if late else None
    why = ""
    if made is None:
        try:
            made = gateway.create_payout(payout_params(row.amount_cents, row.code), row.code)
        except Conflict as refusal:
            why = str(refusal.details.get("gateway_code") or "refused")
    with database.begin() as unit:
        now = store.lock(unit, payout_id)
        if now is None or now.state != "asked":
            return
        store.ended(unit, payout_id, made, why)
        ask_reading(unit)
        kind = "gateway_payout.sent" if made is not None else "gateway_payout.failed"
        record(unit, kind, "gateway_payout", row.code, cents=row.amount_cents, reason=why)
