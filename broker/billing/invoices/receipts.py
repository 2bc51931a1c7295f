"""Money that arrives by transfer: say which invoice it pays, and book it once."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.billing.invoices import receipt_store as store
from broker.billing.invoices.entries import assignment_lines, receipt_lines
from broker.billing.invoices.receipt_model import Receipt, ReceiptShare
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import round_div
from broker.ledger.matching import match_settled
from broker.ledger.periods import open_day
from broker.ledger.post import post
from broker.ledger.store import entry_balance


def receive_transfer(
    unit: UnitOfWork, amount_cents: int, received_on: date, reference: str, payer: str = "", invoice: str = ""
) -> Receipt:
    """Take down a transfer, and have it booked; without an invoice's number it waits in the suspense account (471).

    `reference` is the bank's own: the same one again is refused (`receipt_known`), so that a statement read twice
    books once. What exceeds the invoice waits as well.
    """
    unit.actor.require("accountant", "broker")
    if amount_cents <= 0 or not reference.strip():
        raise InvalidInput("A transfer has an amount and the bank's reference.", code="bad_receipt", field="amount")
    if received_on > unit.today:
        raise InvalidInput("A transfer cannot have arrived in the future.", code="bad_receipt", field="received_on")
    if store.known(unit, reference):
        raise Conflict(f"The transfer {reference!r} was taken down already.", code="receipt_known", field="reference")
    receipt_id = store.insert(unit, new_code("rcpt"), received_on, amount_cents, reference, payer)
    if invoice:
        _share(unit, receipt_id, invoice)
    unit.enqueue("book_receipt", receipt_id)
    found = store.receipt(unit, receipt_id)
    record(unit, "receipt.taken", "receipt", found.code, cents=amount_cents, invoice=invoice)
    return found


def assign_receipt(unit: UnitOfWork, code: str, invoice: str) -> Receipt:
    """Say that what is left of a transfer pays an invoice, as far as it is open."""
    unit.actor.require("accountant", "broker")
    receipt_id = store.receipt_id(unit, code)
    if receipt_id is None:
        raise NotFound(f"There is no receipt {code!r}.")
    _share(unit, receipt_id, invoice)
    unit.enqueue("book_receipt", receipt_id)
    record(unit, "receipt.assigned", "receipt", code, invoice=invoice)
    return store.receipt(unit, receipt_id)


def unmatched_receipts(unit: UnitOfWork) -> list[Receipt]:
    """Transfers of which something is left that no invoice takes."""
    unit.actor.require("accountant", "broker")
    return store.unmatched(unit)


def book_receipt(database: Database, receipt_id: int) -> None:
    """Book what a receipt says and is not booked yet; called again it changes nothing.

    The waiting VAT of an invoice (44574) falls due in proportion to what is paid of it, by cumulative totals, so that
    however many part payments there are it is due in full with the last one. A paid invoice is lettered.
    """
    with database.begin() as unit:
        receipt = store.lock(unit, receipt_id)
        shares = store.unbooked_shares(unit, receipt_id)
        if receipt.booked and not shares:
            return
        vats = {share.invoice_id: _waiting_vat(unit, share) for share in shares}
        if not receipt.booked:
            paid: dict[tuple[str, int], int] = {}
            for share in shares:
                whose = (share.account, share.buyer_id)
                paid[whose] = paid.get(whose, 0) + share.amount_cents
            left = receipt.amount_cents - sum(paid.values())
            label = f"Virement reçu, {receipt.payer}" if receipt.payer else "Virement reçu"
            lines = receipt_lines(receipt.amount_cents, paid, sum(vats.values()), left)
            day, key = open_day(unit, receipt.received_on), f"receipt:{receipt.code}"
            post(unit, "BQ", day, receipt.code, label, lines, key, piece_day=receipt.received_on)
        else:
            for share in shares:
                lines = assignment_lines(share.amount_cents, vats[share.invoice_id], share.account, share.buyer_id)
                label = f"Virement rapproché, facture {share.number}"
                key = f"receipt:{receipt.code}:{share.number}"
                post(unit, "OD", unit.today, receipt.code, label, lines, key)
        store.booked(unit, receipt_id, vats)
        for share in shares:
            match_settled(
                unit, share.account, share.buyer_id, store.keys_of_invoice(unit, share.invoice_id, share.number)
            )


def _share(unit: UnitOfWork, receipt_id: int, number: str) -> None:
    invoice = store.open_invoice(unit, number)
    if invoice is None:
        raise NotFound(f"There is no invoice {number!r} of ours to be paid.", field="invoice")
    left = store.lock(unit, receipt_id).left_cents
    cents = min(left, invoice.open_cents)
    if cents <= 0:
        why = "Nothing is left of the transfer" if left <= 0 else f"The invoice {number} is paid"
        raise Conflict(f"{why}.", code="nothing_open", field="invoice")
    store.insert_share(unit, receipt_id, invoice.id, cents)


def _waiting_vat(unit: UnitOfWork, share: ReceiptShare) -> int:
    waiting = -entry_balance(unit, share.vat_key, "44574")
    if not waiting:
        return 0
    before = store.booked_of_invoice(unit, share.invoice_id)
    paid: int = min(before.cents + share.amount_cents, share.due_cents)  # paid anew after a return it is due once
    earlier: int = before.vat
    return round_div(waiting * paid, share.due_cents) - earlier
