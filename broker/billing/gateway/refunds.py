"""Give money back: asked for by a person, approved by a second one above a setting, booked when it has left."""

from __future__ import annotations

from broker.accounts.store import party_id
from broker.audit.record import record
from broker.billing.bank.bank_accounts import checked_iban
from broker.billing.gateway import refund_store as store
from broker.billing.gateway.refund_model import Refund
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.money import format_cents
from broker.kernel.settings import Settings


def ask_refund(
    unit: UnitOfWork,
    settings: Settings,
    source: str,
    cents: int,
    reason: str,
    *,
    invoice: str = "",
    iban: str = "",
    holder: str = "",
    customer: str = "",
) -> Refund:
    """Ask that so much of a payment (its code, or its order's) or of a transfer (rcpt_…) is given back.

    A card payment: first what credit notes of the order owe; more needs a credit note on the order's invoice, which
    the refund brings with it. A transfer: what waits in suspense of it or, with `invoice`, what it paid of that
    invoice, by credit note. Money goes where it came from; another `iban` always needs a second person.

    Raises `NotFound`, `InvalidInput` (`bad_refund`, `bad_iban`), `Conflict` (`refund_exceeds`, `order_running`,
    `credit_by_owner`, `org_frozen`).
    """
    unit.actor.require("accountant", "broker")
    reason = " ".join(reason.split())
    if cents <= 0 or not 1 <= len(reason) <= 500:
        raise InvalidInput(
            "A refund has an amount, and a reason of at most 500 letters.",
            code="bad_refund",
            field="cents" if cents <= 0 else "reason",
        )
    common = {"code": new_code("ref"), "amount_cents": cents, "reason": reason, "asked_by": unit.actor.require_person()}
    if source.startswith("rcpt_"):
        values = _of_transfer(unit, source, cents, invoice, iban, holder, customer)
    else:
        values = _of_card(unit, source, cents)
    second = cents > settings.payment.refund_second_cents or bool(values.pop("elsewhere"))
    store.insert(unit, **common, **values, second=second)
    code = str(common["code"])
    record(unit, "refund.asked", "refund", code, source=source, cents=cents, second=second)
    return find_refund(unit, code) if second else approve_refund(unit, code)


def approve_refund(unit: UnitOfWork, code: str) -> Refund:
    """Approve: where a second person is needed, another than asked. Raises `Forbidden` (`four_eyes`)."""
    unit.actor.require("accountant", "broker")
    found, user = find_refund(unit, code), unit.actor.require_person()
    if found.second and user == found.asked_by:
        raise Forbidden("Whoever asked for this refund cannot approve it: another person must.", code="four_eyes")
    _move(unit, found, "asked", "approved", approved_by=user, approved_at=unit.now)
    unit.enqueue("send_refund", found.id)
    return find_refund(unit, code)


def cancel_refund(unit: UnitOfWork, code: str) -> Refund:
    """Give up a refund that has not been sent."""
    unit.actor.require("accountant", "broker")
    found = find_refund(unit, code)
    if found.credit:
        raise Conflict(f"Its credit note {found.credit} is issued: the money is owed.", code="refund_state")
    _move(unit, found, "asked" if found.state == "asked" else "approved", "cancelled")
    return find_refund(unit, code)


def find_refund(unit: UnitOfWork, code: str) -> Refund:
    """One refund; for staff."""
    unit.actor.require("accountant", "broker")
    found = store.refund(unit, code)
    if found is None:
        raise NotFound(f"There is no refund {code!r}.")
    return found


def list_refunds(unit: UnitOfWork) -> list[Refund]:
    """Refunds, those that wait for approval first."""
    unit.actor.require("accountant", "broker")
    return store.refunds(unit)


def _of_card(unit: UnitOfWork, source: str, cents: int) -> dict[str, object]:
    payment = store.payment_to_refund(unit, source)
    if payment is None:
        if store.is_order(unit, source):
            raise Conflict(
                "Nothing was captured for this order: there is nothing to give back yet.", code="not_captured"
            )
        raise NotFound(f"There is no payment {source!r}.", field="source")
    if payment.state != "captured":
        raise Conflict("Only a captured payment is given back.", code="refund_state")
    _within(cents, payment.left_cents)
    missing = cents - max(0, store.owed_of_order(unit, payment.order_id))
    invoice_id = None
    if missing > 0:
        if payment.role != "principal":
            raise Conflict(
                "The invoice is in the owner's name: the owner issues its credit note before money goes back.",
                code="credit_by_owner",
            )
        room = [row for row in store.creditable(unit, order_id=payment.order_id) if row.left_cents >= missing]
        if not room:
            raise Conflict(
                f"Only {format_cents(cents - missing)} of this order are owed back. For more, cancel the order, or wait"
                " for its invoice.",
                code="order_running",
            )
        invoice_id = room[0].id
    return {
        "org_id": payment.advertiser_id, "payment_id": payment.id, "receipt_id": None, "invoice_id": invoice_id,
        "credit_cents": max(0, missing), "holder": None, "iban": None, "end_to_end_id": None, "elsewhere": False,
    }  # fmt: skip


def _of_transfer(
    unit: UnitOfWork, source: str, cents: int, invoice: str, iban: str, holder: str, customer: str
) -> dict[str, object]:
    receipt = store.receipt_to_refund(unit, source)
    if receipt is None:
        raise NotFound(f"There is no receipt {source!r}.", field="source")
    target = checked_iban(iban) if iban.strip() else receipt.iban
    name = " ".join((holder or receipt.payer).split())[:70]
    if not target or not name:
        raise InvalidInput(
            "The statement does not say where this transfer came from: name holder and IBAN.",
            code="bad_refund",
            field="iban",
        )
    invoice_id, org_id = None, int(receipt.buyer_id)
    if invoice:
        found = [row for row in store.creditable(unit, number=invoice) if row.number == invoice]
        if not found or found[0].role != "principal":
            raise Conflict(f"{invoice} is no invoice in our own name.", code="credit_by_owner")
        _within(cents, min(found[0].left_cents, store.paid_of_invoice(unit, receipt.id, found[0].id)))
        invoice_id, org_id = found[0].id, int(found[0].buyer_id)
    else:
        _within(cents, receipt.left_cents)
    if customer:
        org_id = party_id(unit, customer) or 0
    if not org_id:
        raise InvalidInput(
            "Name the organisation that sent this transfer: nobody else is paid.", code="bad_refund", field="customer"
        )
    return {
        "org_id": org_id, "payment_id": None, "receipt_id": receipt.id, "invoice_id": invoice_id,
        "credit_cents": cents if invoice_id else 0, "holder": name, "iban": checked_iban(target),
        "end_to_end_id": new_code("ref").replace("_", "-").upper()[:35],
        "elsewhere": checked_iban(target) != receipt.iban,
    }  # fmt: skip


def _within(cents: int, left: int) -> None:
    if cents > left:
        raise Conflict(
            f"This is more than is left to be given back: {format_cents(max(0, left))}.", code="refund_exceeds"
        )


def _move(unit: UnitOfWork, found: Refund, before: str, after: str, **values: object) -> None:
    if not store.set_state(unit, found.id, before, after, **values):
        raise Conflict(f"The refund is {found.state}; this needs one that is {before}.", code="refund_state")
    record(unit, f"refund.{after}", "refund", found.code, cents=found.amount_cents)
