"""The commercial terms on an order's page, and what a quote's form asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.mailings.list_sends import mailings_of_order
from broker.rentals.availability import held_of
from broker.rentals.credit import credit_of
from broker.rentals.model import Order
from broker.rentals.terms import Asked
from broker.rentals.uses import MOST_STOPS, list_uses
from web.http.forms import day_of, whole_of
from web.http.work import actor


def asked_of(form: Mapping[str, str]) -> Asked:
    """The terms that a quote's form asks for; an advertiser's form has no discount."""
    uses = form.get("uses", "")
    tolerance = form.get("tolerance", "").strip().replace(",", ".")
    try:
        tolerance_bp = round(float(tolerance) * 100) if tolerance else None
    except (ValueError, OverflowError):
        raise InvalidInput("A tolerance is between 0 and 50 %.", code="bad_tolerance", field="tolerance") from None
    guaranteed = form.get("shortfall") == "guaranteed"
    return Asked(
        uses=whole_of(uses, "uses") if uses.strip() else 1,
        use_until=day_of(form.get("use_until", ""), "use_until"),
        net_names=bool(form.get("net_names")),
        shortfall="guaranteed" if guaranteed else "up_to",
        remedy="credit" if form.get("remedy") == "credit" else "make_good",
        tolerance_bp=tolerance_bp if guaranteed else None,
    )


def terms_around(work: UnitOfWork, order: Order) -> dict[str, Any]:
    """The values of orders/terms.html."""
    buying = actor().org_id == order.advertiser_id
    uses = list_uses(work, order)
    return {
        "held": held_of(order),
        "uses": uses,
        "most_stops": MOST_STOPS,
        "next_use": next((use for use in uses if use.state == "open"), None) if order.state == "sent" else None,
        "credit": credit_of(work, order.advertiser_id) if buying and order.state == "approved" else None,
        "again": [code for code, state in mailings_of_order(work, order.id) if state == "sent"] if buying else [],
    }
