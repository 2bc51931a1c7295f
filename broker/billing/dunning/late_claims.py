"""Claim late interest and the fixed compensation, when a person says so: a document and an entry of their own."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.billing.dunning import claim_store as store
from broker.billing.dunning import dunning_store
from broker.billing.dunning.dunning_pdf import Sides, claim_pdf
from broker.billing.dunning.late_interest import RECOVERY_CENTS, interest_cents
from broker.billing.dunning.overdue import find_debt, late_stretches
from broker.billing.invoices import invoice_store
from broker.billing.invoices.issue import company_party, paper_party
from broker.billing.invoices.parties import party
from broker.billing.model import TYPE_CODES, InvoiceLine
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.ids import new_code
from broker.kernel.money import MICROS_PER_CENT
from broker.kernel.settings import Settings
from broker.ledger.model import credit, debit
from broker.ledger.post import post

_WORDS = {
    "fr": ("Intérêts de retard sur {number}, du {first} au {last}", "Indemnité forfaitaire de recouvrement, {number}"),
    "en": ("Late interest on {number}, from {first} to {last}", "Fixed compensation for recovery costs, {number}"),
}


def claim_interest(unit: UnitOfWork, number: str, *, recovery: bool = True, until: date | None = None) -> str:
    """Claim what has grown on an invoice up to a day (today), once for each day; a worker issues the document.

    `recovery`: with the fixed compensation, if it was not claimed before. Raises `Conflict` (`nothing_late`,
    `not_ours`, `claim_day`).
    """
    unit.actor.require("accountant", "broker")
    debt = find_debt(unit, number)
    if debt.kind == "claim" or (debt.role == "agent_of_owner" and debt.kind in ("owner_invoice", "deposit")):
        raise Conflict(
            "The interest of an owner's invoice is the owner's, and none grows on interest: it is not claimed here.",
            code="not_ours",
        )
    day = unit.today if until is None else until
    if day > unit.today:
        raise Conflict("Interest is claimed up to today at most.", code="claim_day")
    grown = interest_cents(late_stretches(debt, dunning_store.rates(unit), day))
    fixed = recovery and not debt.recovered
    if not grown:
        raise Conflict(f"Nothing has grown on {number} that was not claimed.", code="nothing_late")
    code = new_code("claim")
    claim_id = store.insert(unit, code, debt.id, day, recovery=fixed)
    unit.enqueue("issue_claim", claim_id)
    record(unit, "interest.claimed", "invoice", number, until=day, cents=grown, recovery=fixed)
    return code


def issue_claim(database: Database, settings: Settings, claim_id: int) -> None:
    """Job: issue and book a claim, once: D 411 / C 7631 interest, C 7588 compensation; no VAT.

    What grew is what was late on the days when it is issued, so that money that came meanwhile is counted.
    """
    with database.begin() as unit:
        row = store.to_issue(unit, claim_id)
        if row is None:
            return
        debt = store.debt_without(unit, row.number, claim_id)
        found = late_stretches(debt, dunning_store.rates(unit), row.until_on)
        interest = interest_cents(found)
        recovery = RECOVERY_CENTS if row.recovery and interest else 0
        if not interest:
            store.done(unit, claim_id, None)
            return
        customer = party(unit, debt.buyer_id)
        language, company = customer.language, settings.company
        series = f"P{unit.today.year}"
        number = f"{series}-{invoice_store.next_number(unit, series):06d}"
        of_interest, of_recovery = _WORDS[language]
        text = of_interest.format(number=debt.number, first=found[0].first, last=found[-1].last)
        lines = [InvoiceLine(1, text, 1, interest * MICROS_PER_CENT, interest)]
        if recovery:
            text = of_recovery.format(number=debt.number)
            lines.append(InvoiceLine(2, text, 1, recovery * MICROS_PER_CENT, recovery))
        sides = Sides(company_party(settings), paper_party(customer), language, company.iban, company.bic)
        document = invoice_store.insert_invoice(
            unit,
            {
                "number": number, "kind": "claim", "type_code": TYPE_CODES["claim"],
                "seller_id": invoice_store.company(unit).id, "buyer_id": customer.id, "order_id": None,
                "mailing_id": None, "corrects_id": None, "about_id": debt.id, "vat_bp": 0, "language": language,
                "issued_on": unit.today, "due_on": unit.today,
                "net_cents": interest + recovery, "vat_cents": 0, "total_cents": interest + recovery,
                "deposit_cents": 0, "role": "principal", "mandate_id": None,
                "late_rate": "legal", "late_bp": None, "set_off_cents": 0, "set_off_vat_cents": 0,
                "pdf": claim_pdf(sides, number, unit.today, debt.number, found, interest, recovery),
            },
            lines,
        )  # fmt: skip
        entry = [
            debit("411", interest + recovery, customer.id),
            credit("7631", interest),
            credit("7588", recovery),
        ]
        post(unit, "VE", unit.today, number, f"Intérêts de retard, facture {debt.number}", entry, f"invoice:{number}")
        store.done(unit, claim_id, document.id)
        record(unit, "interest.issued", "invoice", number, about=debt.number, cents=interest, recovery=recovery)
