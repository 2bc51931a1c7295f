"""Job of every hour: remind whoever is to answer an order, and let one expire that nobody answered."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases.calendar import working_days_after
from broker.kernel.database import UnitOfWork
from broker.notifications.notify import notify
from broker.rentals import review_store, store
from broker.rentals.model import Order
from broker.rentals.tell import tell_parties


def chase_answers(unit: UnitOfWork) -> int:
    """Remind once a day from the working day before the due day on; expire past the last day. How many were acted on.

    While a change is asked for, it is the advertiser's turn: it is the one who is reminded.
    """
    today = unit.today
    rows = review_store.waiting(unit, today, working_days_after(today, 1))
    for row in rows:
        order = store.order_by_id(unit, row.id)
        assert order is not None
        if row.expires_on < today:
            _expire(unit, order, "change_unmade" if row.change_text else "unanswered")
            continue
        once = today.isoformat()
        if row.change_text:
            facts = {"card": order.card_title, "reason": row.change_text}
            notify(unit, "order.change_asked", order.advertiser_id, order.code, once=once, **facts)
        else:
            notify(
                unit,
                "order.approval_due",
                order.owner_id,
                order.code,
                once=once,
                advertiser=order.advertiser_name,
                card=order.card_title,
                due_on=row.due_on,
            )
        review_store.reminded(unit, order.id, today)
        record(unit, "order.reminded", "rental_order", order.code, due_on=str(row.due_on), change=bool(row.change_text))
    return len(rows)


def _expire(unit: UnitOfWork, order: Order, why: str) -> None:
    store.set_state(unit, order.id, "expired")
    review_store.end_change(unit, order.id)
    record(unit, "order.expired", "rental_order", order.code, reason=why)
    tell_parties(unit, order, "expired")
