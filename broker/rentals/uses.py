"""Further uses of an order: those of a licence, and names that are made good for nothing. Each is a dispatch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.audit.record import record
from broker.bases.keep_days import require_free
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.rentals import terms_store as store
from broker.rentals.find import find_order, locked_order, require_party
from broker.rentals.model import Order

MOST_STOPS = 3


@dataclass(frozen=True, slots=True)
class OrderUse:
    """One further use: `kind` is use or make_good; `state` open, chosen, planned, given_up or lapsed.

    `stops`: how often its advertiser stopped it before it left; the third time (MOST_STOPS, step 0047) gives it up.
    """

    id: int
    kind: str
    volume: int
    price_micros: int
    use_until: date
    send_on: date | None
    stops: int
    mailing: str | None
    state: str


def list_uses(unit: UnitOfWork, order: Order) -> list[OrderUse]:
    """The further uses of an order, the oldest first."""
    today = unit.today
    found = []
    for row in store.uses_of(unit, order.id):
        state = "open"
        if row.given_up:
            state = "given_up"
        elif row.mailing is not None:
            state = "planned"
        elif row.send_on is not None:
            state = "chosen"
        elif row.use_until < today or order.state in ("settled", "cancelled", "refused", "expired"):
            state = "lapsed"
        values = row._asdict()
        values.pop("given_up")
        found.append(OrderUse(**values, state=state))
    return found


def plan_use(unit: UnitOfWork, code: str, send_on: date) -> Order:
    """Choose the day of the next open use, names made good first; a worker plans its mailing.

    The creative is the order's own: another message is another order. Raises `Conflict` (`no_use_left`,
    `use_not_now`, `day_kept` and its kin), `InvalidInput` (`send_date_passed`, `after_licence`).
    """
    order, use = _next(unit, code)
    if send_on < unit.today:
        raise InvalidInput("The send date has passed.", code="send_date_passed", field="send_on")
    if send_on > use.use_until:
        raise InvalidInput(
            f"This use may be taken until {use.use_until}; later ones need another order.",
            code="after_licence",
            field="send_on",
            details={"use_until": use.use_until.isoformat()},
        )
    require_free(unit, order.base_id, send_on)
    store.lock_days(unit, order.base_id)
    if not store.choose_use_day(unit, use.id, send_on):
        raise _not_now(order)
    unit.enqueue("schedule_use", use.id)
    record(unit, "order.use_planned", "rental_order", code, use=use.kind, send_on=send_on.isoformat())
    return find_order(unit, code)


def give_up_use(unit: UnitOfWork, code: str) -> Order:
    """Give up the next open use: what was prepaid for it is credited once the order is settled."""
    order, use = _next(unit, code)
    if not store.choose_use_day(unit, use.id, None):
        raise _not_now(order)
    record(unit, "order.use_given_up", "rental_order", code, use=use.kind)
    return find_order(unit, code)


def _next(unit: UnitOfWork, code: str) -> tuple[Order, OrderUse]:
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    require_party(unit, order.advertiser_id, "Only the advertiser uses its order.")
    left = [use for use in list_uses(unit, order) if use.state == "open"]
    if not left:
        raise Conflict("No use of this order is left.", code="no_use_left")
    if order.state != "sent":
        raise _not_now(order)
    return order, min(left, key=lambda use: (use.kind != "make_good", use.id))


def _not_now(order: Order) -> Conflict:
    return Conflict(
        f"The order is {order.state.replace('_', ' ')}: its next use is planned once the mailing before has been sent.",
        code="use_not_now",
    )
