"""Who is told what of a payment."""

from __future__ import annotations

from broker.billing.model import Payment
from broker.kernel.database import UnitOfWork
from broker.notifications.notify import Fact, notify_of


def tell_payer(unit: UnitOfWork, kind: str, payment: Payment, **facts: Fact) -> None:
    """Tell the payer, and the broker where money is missing; once for each payment and kind."""
    known: dict[str, Fact] = {"payment": payment.code, "amount_cents": payment.amount_cents, **facts}
    parties = (payment.advertiser_id,) if kind == "payment.debit_announced" else (payment.advertiser_id, None)
    for org_id in parties:
        notify_of(unit, kind, org_id, payment.order_code, known, once=payment.code)
