"""Who is told what when an order takes a step."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.notifications.notify import Fact, notify, notify_of
from broker.rentals.model import Order, OrderState


def tell_parties(unit: UnitOfWork, order: Order, state: OrderState, reason: str = "") -> None:
    """Tell the parties that `order` (as it was) became `state`. A quote is its advertiser's alone.

    Steps from `scheduled` to `sent` are not told here but as those of the mailing; a placed order once its owner's
    rules were tried (`tell_owner_to_answer`, `tell_answered_by_rule`).
    """
    card, both = order.card_title, (order.advertiser_id, order.owner_id)
    if state == "approved":
        notify(unit, "order.approved", order.advertiser_id, order.code, card=card, total_cents=order.total_cents)
    elif state == "refused":
        notify(unit, "order.refused", order.advertiser_id, order.code, card=card, reason=reason)
    elif state == "expired" and order.state == "quote":
        notify(unit, "order.quote_expired", order.advertiser_id, order.code, card=card)
    elif state == "expired":
        for org_id in both:
            notify(unit, "order.expired", org_id, order.code, card=card)
    elif state == "cancelled" and order.state != "quote":
        for org_id in both:
            notify(unit, "order.cancelled", org_id, order.code, card=card, reason=reason)
    elif state in ("paid", "on_credit"):
        for party in (*both, None):
            notify(unit, f"order.{state}", party, order.code, card=card, total_cents=order.total_cents)
    elif state == "settled":
        for party in (*both, None):
            notify(unit, "order.settled", party, order.code, card=card)


def tell_owner_to_answer(unit: UnitOfWork, order: Order, rounds: int) -> None:
    """No rule has answered: its owner is to. `rounds`: how often a change was asked for, and now made."""
    facts: dict[str, Fact] = {"advertiser": order.advertiser_name, "card": order.card_title}
    if rounds:
        notify_of(unit, "order.change_made", order.owner_id, order.code, facts, once=f"change {rounds}")
    else:
        facts |= {"volume": order.volume, "send_on": order.send_on or ""}
        notify_of(unit, "order.placed", order.owner_id, order.code, facts, once="placed")


def tell_answered_by_rule(unit: UnitOfWork, order: Order, answer: OrderState) -> None:
    """Its owner learns what a rule of its own has answered."""
    notify(
        unit,
        "order.answered_by_rule",
        order.owner_id,
        order.code,
        advertiser=order.advertiser_name,
        card=order.card_title,
        answered=answer,
    )
