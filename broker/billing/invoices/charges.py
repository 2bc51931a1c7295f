"""What a net-name order pays besides its sends: charged at its settlement, shown as lines of their own."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.invoices import charge_store as store
from broker.billing.invoices.labels import text
from broker.billing.model import InvoiceLine
from broker.kernel.database import UnitOfWork
from broker.kernel.money import split_by_largest_remainder
from broker.rentals.price import net_name_charges, split_charge

Part = Literal["gross", "owner", "commission"]


def charge_net_names(unit: UnitOfWork, mailing_id: int) -> None:
    """Charge what the clause says of a mailing that was sent to its end; nothing for one that was stopped, and nothing
    for names made good. Once: the mailing is closed in the same transaction."""
    run = store.run_of(unit, mailing_id)
    if run is None or run.state != "sent" or not run.price_micros:
        return
    for charge in net_name_charges(run.supplied, run.mailed, run.net_floor_bp, run.price_micros, run.run_micros):
        owner, commission = split_charge(charge.micros, run.commission_bp)
        store.add_charge(unit, mailing_id, charge, owner, commission)


def sale_lines(
    unit: UnitOfWork, due: Row[Any], label: str, billable: int, micros: int, net: int, language: str, part: Part
) -> tuple[InvoiceLine, ...]:
    """The lines of a mailing's document: its sends (with the mailing, so that one can walk down to them), then its
    charges. `micros` and `net` are the document's whole; cents are shared by largest remainder."""
    charges = [(row.kind, row.quantity, getattr(row, f"{part}_micros")) for row in store.charges_of(unit, due.id)]
    of_sends = micros - sum(one for _, _, one in charges)
    if not charges:
        return (InvoiceLine(1, label, billable, micros, net, due.id, due.code),)
    cents = split_by_largest_remainder(net, [of_sends, *(one for _, _, one in charges)])
    lines = [(label, billable, of_sends, cents[0], due.id, due.code)] if of_sends else []
    for (kind, quantity, one), share in zip(charges, cents[1:], strict=True):
        if share:
            words = text(kind, language, order=due.reference, volume=quantity)
            lines.append((words, quantity, one, share, None, None))
    return tuple(InvoiceLine(number, *line) for number, line in enumerate(lines, start=1))
