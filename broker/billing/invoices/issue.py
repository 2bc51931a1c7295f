"""Issue a document: number, mentions, PDF, row. What is issued never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from broker.accounts.model import Organisation
from broker.billing.invoices import invoice_store as store
from broker.billing.invoices.mandate_model import Mandate
from broker.billing.invoices.mentions import mention, payment_terms
from broker.billing.invoices.paper import Note, Paper, PaperParty, Reference
from broker.billing.invoices.pdf import invoice_pdf
from broker.billing.model import PAYABLE, SELF_BILLED_CREDIT, TYPE_CODES, Invoice, InvoiceKind, InvoiceLine
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.kernel.sheet import rate_text
from broker.ledger.vat import Regime
from broker.rentals.sale_terms import Role
from broker.rentals.signature_store import payer_of

CONTEST_DAYS = 30  # where no mandate says otherwise


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
    role: Role = "principal"
    on_behalf_of: Organisation | None = None  # the owner in whose name and series it is issued, as its agent
    type_code: int | None = None  # other than the kind's own
    mandate: Mandate | None = None
    set_off_cents: int = 0  # what of a credit note lowers the open invoice, and the VAT that waits in it
    set_off_vat_cents: int = 0
    replaces_id: int | None = None  # credited whole; this one takes its place
    fee_of_id: int | None = None  # the owner's invoice that this fee is for, where it replaces another one

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
    from_owner = draft.kind in ("self_bill", "owner_credit")  # the owner sells to us
    owner = draft.other if from_owner else draft.on_behalf_of
    seller, buyer = (owner or company), (company if from_owner else draft.other)
    type_code = draft.type_code or TYPE_CODES[draft.kind]
    number = _number(unit, day, owner)
    language = draft.other.language
    total = draft.net_cents + draft.vat_cents
    due_on = day + timedelta(days=_days(draft))
    paper = Paper(
        kind=draft.kind,
        type_code=type_code,
        number=number,
        language=language,
        issued_on=day,
        due_on=due_on,
        seller=company_party(settings) if owner is None else paper_party(owner),
        buyer=company_party(settings) if from_owner else paper_party(draft.other),
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
        purchase_order="" if draft.order_id is None or from_owner else payer_of(unit, draft.order_id)[0] or "",
    )
    return store.insert_invoice(
        unit,
        {
            "number": number,
            "kind": draft.kind,
            "type_code": type_code,
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
            "role": draft.role,
            "mandate_id": None if draft.mandate is None else draft.mandate.id,
            "late_rate": settings.dunning.rate,
            "late_bp": settings.dunning.contract_bp if settings.dunning.rate == "contract" else None,
            "set_off_cents": draft.set_off_cents,
            "set_off_vat_cents": draft.set_off_vat_cents,
            "replaces_id": draft.replaces_id,
            "fee_of_id": draft.fee_of_id,
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


def paper_party(organisation: Organisation) -> PaperParty:
    """Any other organisation, as printed."""
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
    if draft.kind in PAYABLE and draft.deposit_cents < draft.net_cents + draft.vat_cents:
        return payment_terms().advertiser_days
    return 0  # paid already, or to be refunded at once


def _notes(draft: Draft, settings: Settings, day: date, language: str) -> tuple[Note, ...]:
    """The mentions of a document with their subject codes; TXD is what is said of its tax, at most once."""
    keys = [("category", "REG")]
    if draft.regime != "taxed":
        keys.append((draft.regime, "TXD"))
    elif draft.vat_on_debits:
        keys.append(("vat_on_debits", "TXD"))
    if draft.kind == "self_bill" or draft.type_code == SELF_BILLED_CREDIT:
        keys += [("self_billing", "AAI"), ("contest", "AAI")]
    elif draft.on_behalf_of is not None:
        agent = "on_behalf_of_owner" if draft.role == "agent_of_owner" else "on_behalf_through_advertiser"
        keys += [(agent, "AAI"), ("contest", "AAI")]
    keys += [("discount", "AAB"), (f"late_penalty_{settings.dunning.rate}", "PMD"), ("recovery", "PMT")]
    if draft.refund_due:
        keys.append(("refund_due", "AAI"))
    names = {
        "company": settings.company.name,
        "owner": (draft.on_behalf_of or draft.other).name,
        "advertiser": draft.other.name,
        "days": str(draft.mandate.contest_days if draft.mandate is not None else CONTEST_DAYS),
        "rate": rate_text(settings.dunning.contract_bp, language),
    }
    return tuple(Note(code, mention(key, day, language, **names)) for key, code in keys)
