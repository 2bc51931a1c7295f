"""Issue a document: number, mentions, PDF, row. What is issued never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from broker.accounts.model import Organisation
from broker.billing import invoice_store as store
from broker.billing.mentions import mention, payment_terms
from broker.billing.model import TYPE_CODES, Invoice, InvoiceKind, InvoiceLine
from broker.billing.paper import Note, Paper, PaperParty, Reference
from broker.billing.pdf import invoice_pdf
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.ledger.vat import Regime


@dataclass(frozen=True, slots=True)
class Draft:
    """What a document says, before it has a number. Amounts are cents; `other` is the advertiser or the owner."""

    kind: InvoiceKind
    other: Organisation
    lines: tuple[InvoiceLine, ...]
    vat_bp: int
    vat_cents: int
    regime: Regime
    order_id: int | None = None
    mailing_id: int | None = None
    deposit_cents: int = 0
    corrects_id: int | None = None
    refers: Reference | None = None
    supplied_on: date | None = None
    refund_due: bool = False
    vat_on_debits: bool = False

    @property
    def net_cents(self) -> int:
        """The sum of its lines."""
        return sum(line.net_cents for line in self.lines)


def issue(unit: UnitOfWork, settings: Settings, draft: Draft) -> Invoice:
    """Number and store a document of today.

    The company issues all of them: to the advertiser in its own name, and to itself in the owner's name and series
    (self-billing). Series are continuous: a rolled back transaction gives its number back.
    """
    day = unit.today
    company = store.company(unit)
    self_bill = draft.kind == "self_bill"
    seller, buyer = (draft.other, company) if self_bill else (company, draft.other)
    number = _number(unit, day, draft.other if self_bill else None)
    language = draft.other.language
    total = draft.net_cents + draft.vat_cents
    due_on = day + timedelta(days=_days(draft))
    paper = Paper(
        kind=draft.kind,
        type_code=TYPE_CODES[draft.kind],
        number=number,
        language=language,
        issued_on=day,
        due_on=due_on,
        seller=_party(draft.other) if self_bill else company_party(settings),
        buyer=company_party(settings) if self_bill else _party(draft.other),
        lines=draft.lines,
        net_cents=draft.net_cents,
        vat_bp=draft.vat_bp,
        vat_cents=draft.vat_cents,
        regime=draft.regime,
        vat_on_debits=draft.vat_on_debits,
        paid_cents=total if draft.kind == "deposit" else draft.deposit_cents,
        refers=draft.refers,
        notes=_notes(draft, settings, day, language),
        supplied_on=draft.supplied_on,
        iban=settings.company.iban,
        bic=settings.company.bic,
    )
    return store.insert_invoice(
        unit,
        {
            "number": number,
            "kind": draft.kind,
            "type_code": TYPE_CODES[draft.kind],
            "seller_id": seller.id,
            "buyer_id": buyer.id,
            "order_id": draft.order_id,
            "mailing_id": draft.mailing_id,
            "corrects_id": draft.corrects_id,
            "vat_bp": draft.vat_bp,
            "language": language,
            "issued_on": day,
            "due_on": due_on,
            "net_cents": draft.net_cents,
            "vat_cents": draft.vat_cents,
            "total_cents": total,
            "deposit_cents": draft.deposit_cents,
            "pdf": invoice_pdf(paper),
        },
        draft.lines,
    )


def company_party(settings: Settings) -> PaperParty:
    """The platform's company, as printed."""
    company = settings.company
    return PaperParty(
        company.name,
        company.street,
        company.postcode,
        company.city,
        company.country,
        company.siren,
        company.vat_number,
    )


def _party(organisation: Organisation) -> PaperParty:
    return PaperParty(
        organisation.name,
        organisation.street or "",
        organisation.postcode or "",
        organisation.city or "",
        organisation.country,
        organisation.siren or "",
        organisation.vat_number or "",
    )


def _number(unit: UnitOfWork, day: date, owner: Organisation | None) -> str:
    """`F2026-000001` in the company's series of the year, `AF-<owner>-2026-00001` in an owner's own."""
    if owner is None:
        return f"F{day.year}-{store.next_number(unit, f'F{day.year}'):06d}"
    series = f"AF-{owner.code.removeprefix('org_').upper()}-{day.year}"
    return f"{series}-{store.next_number(unit, series):05d}"


def _days(draft: Draft) -> int:
    if draft.kind == "self_bill":
        return payment_terms().owner_days
    if draft.kind == "invoice" and draft.deposit_cents < draft.net_cents + draft.vat_cents:
        return payment_terms().advertiser_days
    return 0  # paid already, or to be refunded at once


def _notes(draft: Draft, settings: Settings, day: date, language: str) -> tuple[Note, ...]:
    """The mentions of a document with their subject codes; TXD is what is said of its tax, at most once."""
    keys = [("category", "REG")]
    if draft.regime != "taxed":
        keys.append((draft.regime, "TXD"))
    elif draft.vat_on_debits:
        keys.append(("vat_on_debits", "TXD"))
    if draft.kind == "self_bill":
        keys += [("self_billing", "AAI"), ("contest", "AAI")]
    keys += [("discount", "AAB"), ("late_penalty", "PMD"), ("recovery", "PMT")]
    if draft.refund_due:
        keys.append(("refund_due", "AAI"))
    names = {"company": settings.company.name, "owner": draft.other.name}
    return tuple(Note(code, mention(key, day, language, **names)) for key, code in keys)
