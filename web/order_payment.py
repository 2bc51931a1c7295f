"""How an order is paid, on its page: what is under way, what is saved, what came back."""

from __future__ import annotations

from typing import Any

from broker.billing.gateway.collect import find_payment
from broker.billing.gateway.means import list_means
from broker.billing.gateway.payment_rules import find_rule
from broker.kernel.database import UnitOfWork
from broker.rentals.model import Order
from web.http.work import actor, front


def payment_around(work: UnitOfWork, order: Order) -> dict[str, Any]:
    """The values of orders/pay.html; for the advertiser alone."""
    if actor().org_id != order.advertiser_id or actor().role != "advertiser":
        return {"payment": None, "means": [], "owed_again": False}
    payment = find_payment(work, order.code)
    methods = find_rule(work, front().settings).methods
    means = [one for one in list_means(work) if one.state == "ready" and one.kind in methods]
    return {
        "payment": payment,
        "means": means,
        "owed_again": payment is not None and order.state != "approved"
        and (payment.state == "returned" or (payment.state in ("pending", "processing", "failed")
             and order.state in ("scheduled", "sending", "sent", "settled"))),
    }  # fmt: skip
