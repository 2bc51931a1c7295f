"""The single sends of a mailing, by position: their state and price, never a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.paging import Page, offset
from broker.mailings import send_store as store
from broker.mailings.find_mailing import find_mailing


@dataclass(frozen=True, slots=True)
class SendView:
    """One send. `price_micros` is what it costs once it is accepted and has not bounced in time."""

    position: int
    state: str
    seed: bool
    price_micros: int
    outcome_at: datetime | None
    bounced_at: datetime | None


def list_sends(unit: UnitOfWork, mailing_code: str, page: int = 1, size: int = 100) -> Page[SendView]:
    """A page of the sends of a mailing that the actor is party to, in their frozen order."""
    mailing = find_mailing(unit, mailing_code)
    rows = store.sends_page(unit, mailing.dispatch_id, mailing.id, size, offset(page, size))
    total = store.count_sends(unit, mailing.dispatch_id, mailing.id)
    return Page([SendView(**row._asdict()) for row in rows], total, page, size)


def find_send(unit: UnitOfWork, mailing_code: str, position: int) -> SendView:
    """One send by its place in the mailing."""
    mailing = find_mailing(unit, mailing_code)
    row = store.send_at(unit, mailing.dispatch_id, mailing.id, position)
    if row is None:
        raise NotFound(f"This mailing has no send {position}.")
    return SendView(**row._asdict())


def mailings_of_order(unit: UnitOfWork, order_id: int) -> list[tuple[str, str]]:
    """(code, state) of the mailings of an order."""
    return [(row.code, row.state) for row in store.mailings_of_order(unit, order_id)]
