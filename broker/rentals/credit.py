"""Credit terms: how far an advertiser may order before it pays. The first order is prepaid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.accounts.store import organisation_of
from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.money import format_cents
from broker.rentals import terms_store as store
from broker.rentals.find import find_order, locked_order, require_party
from broker.rentals.model import Order, require_transition
from broker.rentals.tell import tell_parties

MOST_CENTS = 1_000_000_000_00


@dataclass(frozen=True, slots=True)
class Credit:
    """An advertiser's terms, cents with VAT. `used_cents`: orders on credit not invoiced yet, and invoices not paid.

    `prepaid`: whether a first order was paid in advance, without which nothing goes on credit.
    """

    limit_cents: int
    used_cents: int
    prepaid: bool
    set_at: datetime | None

    @property
    def left_cents(self) -> int:
        """What may still be ordered; nothing before the first order was prepaid."""
        return max(0, self.limit_cents - self.used_cents) if self.prepaid else 0


def find_credit(unit: UnitOfWork, org_code: str = "") -> Credit:
    """The terms of the acting advertiser, or, for broker and accountant, of the one named."""
    if not org_code:
        unit.actor.require("advertiser")
        return credit_of(unit, unit.actor.org)
    unit.actor.require("broker", "accountant")
    return credit_of(unit, _advertiser(unit, org_code))


def credit_of(unit: UnitOfWork, advertiser_id: int) -> Credit:
    """The terms of an advertiser by its id."""
    return Credit(**store.credit_of(unit, advertiser_id)._mapping)


def list_credit(unit: UnitOfWork) -> list[tuple[str, str, Credit]]:
    """(code, name, terms) of every advertiser, by name; for broker and accountant."""
    unit.actor.require("broker", "accountant")
    found = [
        (row.code, row.name, Credit(row.limit_cents, row.used_cents, row.prepaid, row.set_at))
        for row in store.credit_of_all(unit)
    ]
    return sorted(found, key=lambda one: one[1].casefold())


def set_credit_limit(unit: UnitOfWork, org_code: str, limit_cents: int) -> Credit:
    """The broker sets how far an advertiser may order on credit; 0 ends its terms for new orders.

    What runs on credit already goes on, even over a lowered limit.
    """
    unit.actor.require("broker")
    if not 0 <= limit_cents <= MOST_CENTS:
        raise InvalidInput(
            f"A credit limit is between 0 and {format_cents(MOST_CENTS)}.", code="bad_limit", field="limit_cents"
        )
    advertiser = _advertiser(unit, org_code)
    before = store.credit_of(unit, advertiser).limit_cents
    store.set_limit(unit, advertiser, limit_cents)
    record(unit, "credit.set", "organisation", org_code, limit_cents=limit_cents, before_cents=before)
    return credit_of(unit, advertiser)


def order_on_credit(unit: UnitOfWork, code: str) -> Order:
    """Put an approved order on credit; its mailing is then planned. Of two at once that together exceed the limit one
    is refused.

    Raises `Conflict`: `no_credit_terms`, `first_order_prepaid`, `credit_limit`, `order_state`.
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    require_party(unit, order.advertiser_id, "Only the advertiser orders on its credit.")
    require_transition(order, "on_credit")
    credit = credit_of(unit, order.advertiser_id)
    sentences = {
        "no_credit_terms": "No credit terms were agreed with you: pay this order, or ask the broker for terms.",
        "first_order_prepaid": "The first order is paid in advance; later ones may go on credit.",
        "credit_limit": f"This order of {format_cents(order.total_cents)} exceeds what is left of your credit"
        f" ({format_cents(credit.left_cents)} of {format_cents(credit.limit_cents)}): pay it, or pay an open invoice"
        " first.",
    }
    try:
        store.take_credit(unit, order.id)
    except Conflict as refusal:
        reason = str(refusal.details.get("constraint", ""))
        if reason not in sentences:
            raise
        raise Conflict(
            sentences[reason],
            code=reason,
            details={"left_cents": credit.left_cents, "limit_cents": credit.limit_cents},
        ) from None
    record(unit, "order.on_credit", "rental_order", code, cents=order.total_cents)
    tell_parties(unit, order, "on_credit")
    return find_order(unit, code)


def _advertiser(unit: UnitOfWork, org_code: str) -> int:
    found = organisation_of(unit, org_code)
    if found is None or found.kind != "advertiser":
        raise NotFound(f"There is no advertiser {org_code!r}.", field="advertiser")
    return found.id
